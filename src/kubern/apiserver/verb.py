"""What a file in `verbs/` exports as VERB: a verb of the API and the function that answers it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.http.contract import Answer

Serve = Callable[[Core, Call], "Answer | Awaitable[Answer]"]


class Verb(NamedTuple):
    """`name` is upstream's verb; `serve` raises `StatusError`s, and answers synchronously when nothing has to wait."""

    name: str
    serve: Serve
