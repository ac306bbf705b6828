"""WATCH: a stream of events from a revision on; nothing waits for a slow watcher."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import orjson

from kubern.api.codec import PROTOBUF, protobuf
from kubern.api.codec.cbor import CBOR, CBOR_SEQUENCE
from kubern.api.codec.cbor import encode as encode_cbor
from kubern.apiserver.answers import Media, not_acceptable
from kubern.apiserver.call import Call
from kubern.apiserver.core import Core
from kubern.apiserver.forms import Form, FullForm, TableForm
from kubern.apiserver.history import HistoryWatch
from kubern.apiserver.options import ListOptions, list_options
from kubern.apiserver.presenting import form_of, media_of
from kubern.apiserver.selection import selection
from kubern.apiserver.table_watch import headed
from kubern.apiserver.verb import Verb
from kubern.apiserver.watching import Group, Watcher, event_line
from kubern.base.errors import StatusError
from kubern.base.json import Obj
from kubern.http.contract import Answer, Stream, StreamWriter, frame_chunk

SHORTEST, LONGEST = 1800.0, 3600.0
"""Upstream ends a watch without timeoutSeconds after a random time between these, so that reconnections spread out."""
HEADERS = (("content-type", "application/json"), ("cache-control", "no-cache, private"))
PROTOBUF_HEADERS = (("content-type", f"{PROTOBUF};stream=watch"), ("cache-control", "no-cache, private"))
CBOR_HEADERS = (("content-type", CBOR_SEQUENCE), ("cache-control", "no-cache, private"))
STREAMED = ("application/json;stream=watch", f"{PROTOBUF};stream=watch")
"""What a watch can be sent in."""


def serve(core: Core, call: Call) -> Answer | Awaitable[Answer]:
    """Answer with a stream of events. Raises `Invalid`, `NotAcceptable`; a revision that is gone is an ERROR event, as upstream's."""
    options = list_options(call.info, watch=True)
    media = media_of(core, call)
    if media.encoding == "application/yaml":
        raise not_acceptable(STREAMED)
    form = form_of(core, call, media)
    if isinstance(form, TableForm):
        return headed(_stream(core, call, options, media, form.rows_only()), form)
    return _stream(core, call, options, media, form)


def _stream(core: Core, call: Call, options: ListOptions, media: Media, form: Form) -> Stream:
    converter = core.converter(call.resource)
    if converter is not None and media.transform != "PartialObjectMetadata":
        return _converted(core, call, options, media, form)
    streaming = _Streaming(core, call, options, media, form)
    return Stream(200, _headers(media), streaming.start, streaming.stop)


def _headers(media: Media) -> tuple[tuple[str, str], ...]:
    if media.encoding == PROTOBUF:
        return PROTOBUF_HEADERS
    if media.encoding == CBOR:
        return CBOR_HEADERS
    return HEADERS


def _converted(core: Core, call: Call, options: ListOptions, media: Media, form: Form) -> Stream:
    """Answer with a stream whose events wait for a webhook to convert them."""
    from kubern.apiserver.converted_watch import Converting

    storage = core.storage(call.resource)
    stored = storage.resource
    streaming = _Streaming(core, call, options, media, FullForm(stored.kind, stored.api_version, stored.list_kind))
    made: list[Converting] = []

    def start(writer: StreamWriter) -> None:
        made.append(Converting(writer, form, storage.cache.layout))
        streaming.start(made[0])

    def stop() -> None:
        streaming.stop()
        for converting in made:
            converting.stop()

    return Stream(200, _headers(media), start, stop)


def _encoded(obj: Obj, media: Media) -> bytes:
    if media.encoding == PROTOBUF:
        return protobuf().encode(obj)
    return encode_cbor(obj) if media.encoding == CBOR else orjson.dumps(obj)


class _Streaming:
    """One watch from its first event to its end."""

    def __init__(self, core: Core, call: Call, options: ListOptions, media: Media, form: Form) -> None:
        self._core = core
        self._call = call
        self._options = options
        self._form = form
        self._media = media
        self._storage = core.storage(call.resource)
        self._match, self._wanted = selection(call.resource, options, call.namespace)
        self._watcher: Watcher | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._history: HistoryWatch | None = None

    def start(self, writer: StreamWriter) -> None:
        """Send what is there already or was missed, and join the watchers."""
        cache, options = self._storage.cache, self._options
        revision = options.resource_version
        initial = revision is None or revision == 0 if options.send_initial is None else options.send_initial
        if initial or not revision:
            start = self._core.feed.revision
            if initial:
                self._send_initial(writer, start)
        else:
            start = revision
            if start < cache.floor:
                self._from_history(start, writer)
                return
        key = (
            self._form.key,
            self._call.resource.api_version,
            self._call.namespace,
            options.label_selector,
            options.field_selector,
        )
        self._watcher = self._storage.broadcaster.join(
            key, lambda: Group(self._form, self._match), writer, options.bookmarks, cache.since(start)
        )
        self._end_in_time(writer)

    def _end_in_time(self, writer: StreamWriter) -> None:
        asked = self._options.timeout
        seconds = float(asked) if asked > 0 else self._core.rng.uniform(SHORTEST, LONGEST)
        self._timer = asyncio.get_running_loop().call_later(seconds, writer.close)

    def _from_history(self, start: int, writer: StreamWriter) -> None:
        """Serve a watch from before what the cache remembers."""

        def failed(error: StatusError) -> None:
            writer.write(event_line("ERROR", _encoded(error.status(), self._media)))
            writer.close()

        group = Group(self._form, self._match)
        self._history = HistoryWatch(self._core.store, self._storage, self._call.namespace, group)
        self._history.start(start, writer, failed)
        self._end_in_time(writer)

    def _send_initial(self, writer: StreamWriter, revision: int) -> None:
        entries = self._storage.cache.select(self._call.namespace, wanted=self._wanted)
        chosen = [entry for entry in entries if self._match is None or self._match(entry)]
        lines = [event_line("ADDED", self._form.encode(entry)) for entry in chosen]
        if self._options.send_initial and self._options.bookmarks:
            lines.append(event_line("BOOKMARK", self._form.bookmark(revision, True)))
        for line in lines:
            self._storage.broadcaster.events.sent(len(line), 1)
        if lines:
            writer.write_framed(frame_chunk(b"".join(lines)))

    def stop(self) -> None:
        """Leave the watchers."""
        if self._timer:
            self._timer.cancel()
        if self._history:
            self._history.stop()
        if self._watcher:
            self._storage.broadcaster.leave(self._watcher)


VERB = Verb("watch", serve)
