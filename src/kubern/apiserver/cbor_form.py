"""Objects, lists and bookmarks in CBOR, made from what another form makes in JSON. Chosen by `presenting.form_of`."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from kubern.api.codec.cbor import encode_json
from kubern.apiserver.encoding import Entry
from kubern.apiserver.forms import Form, ListMeta


class CborForm:
    """What `inner` shows, in CBOR."""

    def __init__(self, inner: Form) -> None:
        self.key: Hashable = ("cbor", inner.key)
        self._inner = inner

    def encode(self, entry: Entry) -> bytes:
        """Return one object's body."""
        return encode_json(self._inner.encode(entry))

    def encode_list(self, entries: Sequence[Entry], meta: ListMeta) -> bytes:
        """Return a list's body."""
        return encode_json(bytes(self._inner.encode_list(entries, meta)))

    def bookmark(self, revision: int, initial_end: bool) -> bytes:
        """Return the body of a BOOKMARK event's object."""
        return encode_json(self._inner.bookmark(revision, initial_end))
