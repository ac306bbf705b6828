"""What holds for every configuration that is applied on the server: properties, over a whole apiserver in process."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubern.api.resources import load
from kubern.apiserver.config import Config
from kubern.apiserver.server import ApiServer
from kubern.base.clock import FakeClock
from kubern.store.embedded import EmbeddedStore
from tests.unit.apiserver.test_server import Local

PATH = "/apis/apps/v1/namespaces/default/deployments"
LABELS = {"app": "web"}
BASE = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "spec": {
        "selector": {"matchLabels": LABELS},
        "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "main", "image": "i"}]}},
    },
}
examples = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Said = dict[str, Any]


class Applying:
    """An apiserver that runs while a test asks it, one request after the other."""

    def __init__(self, runner: asyncio.Runner, directory: Path) -> None:
        self._runner, self._names = runner, itertools.count()
        self._clock = FakeClock()
        self._store = runner.run(EmbeddedStore.open(directory, clock=self._clock))
        self._server = ApiServer(self._store, load(), Config(), self._clock, random.Random(1))
        runner.run(self._server.start())
        self._local = Local(self._server)

    def close(self) -> None:
        self._runner.run(self._server.close())
        self._runner.run(self._store.close())

    def new(self) -> str:
        """A Deployment that somebody else has applied; its name."""
        name = f"d{next(self._names)}"
        self.apply(name, "base", BASE)
        return name

    def apply(self, name: str, manager: str, config: Said) -> dict[str, Any]:
        """The object after the manager has applied its configuration, whatever others say; time goes on."""
        self._runner.run(self._clock.advance(1))
        body = deepcopy(config) | {"apiVersion": "apps/v1", "kind": "Deployment"}
        body["metadata"] = body.get("metadata", {}) | {"name": name}
        query = f"fieldManager={manager}&force=true"
        answer = self._runner.run(
            self._local("PATCH", f"{PATH}/{name}", body, query, content_type="application/apply-patch+yaml")
        )
        assert answer.status in (200, 201), answer.body
        made: dict[str, Any] = orjson.loads(answer.body)
        return made


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Applying]:
    with asyncio.Runner() as runner:
        made = Applying(runner, tmp_path)
        yield made
        made.close()


def _configs(own: str, least: int = 0) -> st.SearchStrategy[Said]:
    """Configurations whose keys all begin with `own`, so that two of them are independent if theirs differ.

    They are only if each of their lists and maps says something, `least` is 1: who says that a map is empty depends on who fills it.
    """
    word = st.sampled_from([f"{own}{letter}" for letter in "xyz"])
    value = st.sampled_from("123")
    texts = st.dictionaries(word, value, min_size=least, max_size=2)
    port = st.fixed_dictionaries({"containerPort": st.integers(1, 3), "protocol": st.sampled_from(["TCP", "UDP"])})
    key = lambda item: (item["containerPort"], item["protocol"])  # noqa: E731
    container = st.fixed_dictionaries(
        {"name": word, "image": value},
        optional={
            "args": st.lists(value, min_size=least, max_size=2),
            "env": st.lists(
                st.fixed_dictionaries({"name": word, "value": value}), min_size=least, max_size=2, unique_by=lambda e: e["name"]
            ),
            "ports": st.lists(port, min_size=least, max_size=2, unique_by=key),
            "resources": st.fixed_dictionaries({"limits": st.dictionaries(st.sampled_from(["cpu", "memory"]), value)}),
        },
    )  # fmt: skip
    containers = st.lists(container, min_size=least, max_size=2, unique_by=lambda item: item["name"])
    whole = {"nodeSelector": texts} if own == "a" else {}  # it has one manager, whatever its keys
    pod = st.fixed_dictionaries({}, optional={"containers": containers, **whole})
    return st.fixed_dictionaries(
        {},
        optional={
            "metadata": st.fixed_dictionaries({}, optional={"labels": texts, "annotations": texts}),
            "spec": st.fixed_dictionaries({"template": st.fixed_dictionaries({"spec": pod})}),
        },
    )


def _state(obj: dict[str, Any]) -> Any:
    """What an object says, without what every write changes and without the order of its containers."""
    obj = deepcopy(obj)
    metadata = obj["metadata"]
    managed = sorted(
        (entry["manager"], orjson.dumps(entry["fieldsV1"], option=orjson.OPT_SORT_KEYS))
        for entry in metadata.pop("managedFields")
    )
    for key in ("name", "uid", "resourceVersion", "creationTimestamp", "generation"):
        metadata.pop(key)
    obj["spec"]["template"]["spec"]["containers"].sort(key=lambda item: item["name"])
    return managed, obj


def _within(config: Any, live: Any) -> bool:
    """Whether all that a configuration says is so."""
    if isinstance(config, dict):
        return isinstance(live, dict) and all(
            _within(value, live.get(key)) for key, value in config.items() if value or value == 0
        )
    if isinstance(config, list) and config and isinstance(config[0], dict):
        return all(any(_within(item, other) for other in live or ()) for item in config)
    return bool(config == live)


@examples
@given(_configs("a"))
def test_what_is_applied_is_so_and_applying_it_again_writes_nothing(server: Applying, config: Said) -> None:
    name = server.new()
    once = server.apply(name, "one", config)
    assert _within({key: config[key] for key in config if key != "metadata"}, once)
    assert server.apply(name, "one", config) == once


@examples
@given(_configs("a", 1), _configs("b", 1))
def test_the_order_of_independent_appliers_does_not_matter(server: Applying, one: Said, two: Said) -> None:
    left, right = server.new(), server.new()
    server.apply(left, "one", one)
    server.apply(right, "two", two)
    assert _state(server.apply(left, "two", two)) == _state(server.apply(right, "one", one))


@examples
@given(_configs("a"), _configs("a"))
def test_only_the_last_configuration_of_a_manager_counts(server: Applying, before: Said, after: Said) -> None:
    name, fresh = server.new(), server.new()
    server.apply(name, "one", before)
    assert _state(server.apply(name, "one", after)) == _state(server.apply(fresh, "one", after))


@examples
@given(_configs("a"), _configs("a"))
def test_what_two_managers_say_alike_stays_until_both_leave(server: Applying, one: Said, two: Said) -> None:
    name, fresh = server.new(), server.new()
    server.apply(name, "one", one)
    server.apply(name, "two", two)
    server.apply(name, "one", {})
    left = server.apply(name, "two", two)
    assert _state(left)[1] == _state(server.apply(fresh, "two", two))[1]


@examples
@given(_configs("a"))
def test_who_applies_nothing_leaves_nothing(server: Applying, config: Said) -> None:
    name, fresh = server.new(), server.new()
    server.apply(name, "one", config)
    left, never = server.apply(name, "one", {}), server.apply(fresh, "one", {})
    assert _state(left)[1] == _state(never)[1]
