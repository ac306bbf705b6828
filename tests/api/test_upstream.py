"""Our answers are upstream's: the same stories of requests, told to ours (see `tests/api/upstream`)."""

from __future__ import annotations

import json

import pytest

from tests.api.conftest import Api
from tests.api.upstream.story import told
from tests.api.upstream.topics import ANSWERS, topics

TOPICS = topics()
STORIES = [(topic, name) for topic, stories in TOPICS.items() for name in stories]


@pytest.mark.parametrize(("topic", "name"), STORIES)
def test_our_answers_are_upstreams(api: Api, topic: str, name: str) -> None:
    answers = json.loads((ANSWERS / f"{topic}.json").read_text())
    assert told(TOPICS[topic][name], api) == answers[name]
