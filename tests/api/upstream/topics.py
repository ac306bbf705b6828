"""The topics: a module of `requests` each, with its `STORIES` by name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path

from tests.api.upstream import requests
from tests.api.upstream.story import Story

ANSWERS = Path(__file__).with_name("answers")


def topics() -> Mapping[str, Mapping[str, Story]]:
    """Return the stories of each topic."""
    names = [each.name for each in pkgutil.iter_modules(requests.__path__)]
    return {name: importlib.import_module(f"{requests.__name__}.{name}").STORIES for name in names}
