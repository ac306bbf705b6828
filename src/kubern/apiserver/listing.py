"""LIST: a consistent, possibly paged, answer out of the watch cache, or out of the store for an older revision.

Called by the verbs list, watch (initial events) and deletecollection. What always holds: all pages of one list show the same
revision, or the client is told that they cannot.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import posixpath
import re
from collections.abc import Sequence
from typing import NamedTuple

import orjson

from kubern.apiserver.cache import Match
from kubern.apiserver.core import Core
from kubern.apiserver.encoding import Entry
from kubern.apiserver.forms import ListMeta
from kubern.apiserver.options import ListOptions
from kubern.apiserver.selection import Selection
from kubern.apiserver.storage import Storage
from kubern.base.errors import BadRequest, Cause, Expired, Timeout
from kubern.base.json import Obj
from kubern.store.contract import Compacted, FutureRevision, prefix_end

TOO_LARGE_WAIT = 3.0
"""Seconds that a read waits for a revision that is not there yet, as upstream's watch cache does."""
_TOKEN_VERSION = "meta.k8s.io/v1"
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue "
    "parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided "
    "token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was "
    "returned and now may show up in the list."
)
INCONSISTENT = -1


class ContinueExpired(Expired):
    """The list's revision is gone; the token goes on with what is there now."""

    def __init__(self, token: str) -> None:
        super().__init__(_TOO_OLD)
        self._token = token

    def status(self) -> Obj:
        """Return the Status, whose metadata holds the token."""
        return super().status() | {"metadata": {"continue": self._token}}


_BASE64 = re.compile("[A-Za-z0-9_-]*")


class Page(NamedTuple):
    """The entries of one answer and its metadata."""

    entries: Sequence[Entry]
    meta: ListMeta


def encode_token(revision: int, start: str) -> str:
    """Return the continue token for going on at key `start` of the list taken at `revision`."""
    raw = orjson.dumps({"v": _TOKEN_VERSION, "rv": revision, "start": start})
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode_token(token: str) -> tuple[int, str]:
    """Return revision and start key of a continue token. Raises `BadRequest`."""
    try:
        wrong = _BASE64.match(token)
        at = wrong.end() if wrong else 0
        if at < len(token) or at % 4 == 1:
            raise _bad_token(f": illegal base64 data at input byte {at // 4 * 4 if at == len(token) else at}")
        raw = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        version, revision, start = raw.get("v", ""), raw.get("rv", 0), raw.get("start", "")
    except (binascii.Error, ValueError, AttributeError) as error:
        raise _bad_token(f": {error}") from error
    if version != _TOKEN_VERSION:
        raise _bad_token(f": server does not recognize this encoded version {version}")
    if type(revision) is not int or not revision:
        raise _bad_token(f": incorrect encoded start resourceVersion (version {_TOKEN_VERSION})")
    if not isinstance(start, str) or not start:
        raise _bad_token(f": encoded start key empty (version {_TOKEN_VERSION})")
    if posixpath.normpath("/" + start) != "/" + start:
        raise _bad_token(f": {start}")
    return revision, start


def _bad_token(problem: str) -> BadRequest:
    return BadRequest(f"invalid continue token: continue key is not valid{problem}")


def list_now(storage: Storage, revision: int, namespace: str, selected: Selection, options: ListOptions) -> Page | None:
    """Return the page out of the watch cache; None when only the store can answer: an older revision than the newest change."""
    start, at = "", revision
    if options.continue_token:
        at, start = decode_token(options.continue_token)
        if options.resource_version not in (None, 0):
            raise BadRequest("specifying resource version is not allowed when using continue")
        if at == INCONSISTENT:
            at = revision
    elif options.match == "Exact" and options.resource_version is not None:
        at = options.resource_version
    if at < storage.cache.changed_at or at > revision:
        return None
    if options.limit:
        return _page(storage, storage.cache.span(namespace, start), selected.match, options, at)
    return _cut(storage.cache.select(namespace, start, selected.wanted), selected.match, options, at)


def _page(storage: Storage, keys: Sequence[str], match: Match | None, options: ListOptions, revision: int) -> Page:
    """Return the first `limit` objects of the cache, looking at no more of them than it takes."""
    entries, limit = storage.cache.entries, options.limit
    if match is None:
        chosen = [entries[key] for key in keys[:limit]]
        if len(keys) <= limit:
            return Page(chosen, ListMeta(revision))
        return Page(chosen, ListMeta(revision, encode_token(revision, keys[limit]), len(keys) - limit))
    chosen = []
    for key in keys:
        entry = entries[key]
        if match(entry):
            if len(chosen) == limit:
                return Page(chosen, ListMeta(revision, encode_token(revision, key)))
            chosen.append(entry)
    return Page(chosen, ListMeta(revision))


async def list_at(core: Core, storage: Storage, namespace: str, match: Match | None, options: ListOptions) -> Page:
    """Return the page as it stood at the revision asked for, from the store. Raises `Expired`, `Timeout`."""
    start = ""
    revision = options.resource_version or 0
    if options.continue_token:
        revision, start = decode_token(options.continue_token)
    if revision > core.feed.revision:
        await wait_for(core, revision)
    first = storage.store_key(start or (f"{namespace}/" if namespace else ""))
    end = prefix_end(storage.store_key(f"{namespace}/" if namespace else ""))
    try:
        found = await core.store.range(first, end, revision=revision)
    except Compacted as error:
        if options.continue_token:
            raise ContinueExpired(encode_token(INCONSISTENT, start)) from error
        raise Expired("The resourceVersion for the provided list is too old.") from error
    except FutureRevision as error:
        raise too_large(revision, error.current_revision) from error
    below = len(storage.store_key(""))
    layout = storage.cache.layout
    return _cut([layout.entry_of(item.key[below:].decode(), item) for item in found.items], match, options, revision)


def _cut(entries: Sequence[Entry], match: Match | None, options: ListOptions, revision: int) -> Page:
    """Return the first `limit` entries that match, and how to go on."""
    limit = options.limit
    if match is None:
        if not limit or len(entries) <= limit:
            return Page(entries, ListMeta(revision))
        token = encode_token(revision, entries[limit].key)
        return Page(entries[:limit], ListMeta(revision, token, len(entries) - limit))
    if not limit:
        return Page([entry for entry in entries if match(entry)], ListMeta(revision))
    chosen: list[Entry] = []
    for entry in entries:
        if match(entry):
            if len(chosen) == limit:
                # with a selector upstream does not say how many remain
                return Page(chosen, ListMeta(revision, encode_token(revision, entry.key)))
            chosen.append(entry)
    return Page(chosen, ListMeta(revision))


async def wait_for(core: Core, revision: int) -> None:
    """Wait a little for a revision that is not there yet. Raises `Timeout`."""
    waiting = asyncio.ensure_future(core.feed.wait(revision))
    timer = asyncio.ensure_future(core.clock.sleep(TOO_LARGE_WAIT))
    try:
        await asyncio.wait((waiting, timer), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise too_large(revision, core.feed.revision)
    finally:
        waiting.cancel()
        timer.cancel()


def too_large(revision: int, current: int) -> Timeout:
    """Return upstream's error for a resourceVersion from the future."""
    cause = Cause("ResourceVersionTooLarge", "Too large resource version")
    return Timeout(
        f"Timeout: Too large resource version: {revision}, current: {current}", causes=[cause], retry_after=1
    )
