"""Objects, lists and bookmarks in protobuf, made from what another form makes in JSON.

Chosen by `presenting.form_of`. What always holds: an entry of the watch cache that is shown whole is encoded once, however many
ask for it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import orjson

from kubern.api.codec import protobuf
from kubern.apiserver.encoding import Entry
from kubern.apiserver.forms import Form, FullForm, ListMeta


class ProtobufForm:
    """What `inner` shows, in protobuf."""

    def __init__(self, inner: Form) -> None:
        self.key: Hashable = ("protobuf", inner.key)
        self._inner = inner
        self._codec = protobuf()

    def encode(self, entry: Entry) -> bytes:
        """Return one object's body."""
        if isinstance(self._inner, FullForm):
            return self._codec.envelope(entry.layout.api_version, entry.layout.kind, self._message(entry))
        return self._converted(self._inner.encode(entry))

    def encode_list(self, entries: Sequence[Entry], meta: ListMeta) -> bytes:
        """Return a list's body."""
        if not isinstance(self._inner, FullForm):
            return self._converted(bytes(self._inner.encode_list(entries, meta)))
        kind = f"{self._inner.kind}List"
        return self._codec.encode_list(self._inner.api_version, kind, meta.obj(), map(self._message, entries))

    def bookmark(self, revision: int, initial_end: bool) -> bytes:
        """Return the body of a BOOKMARK event's object."""
        return self._converted(self._inner.bookmark(revision, initial_end))

    def _message(self, entry: Entry) -> bytes:
        """Return an object's message, which its entry keeps."""
        message = entry.message
        if message is None:
            layout = entry.layout
            message = self._codec.message(layout.api_version, layout.kind, orjson.loads(entry.item))
            entry.message = message
        return message

    def _converted(self, body: bytes) -> bytes:
        return self._codec.encode(orjson.loads(body))
