"""The index against a model that keeps a whole copy of the keys for every revision."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubern.store.index import Change, Entry, Index, next_entry

WRITES = st.lists(st.tuples(st.sampled_from([b"a", b"b", b"c", b"d"]), st.booleans()), max_size=25)


def write(index: Index, key: bytes, delete: bool) -> Entry | None:
    previous = index.get(key)
    if delete and previous is None:
        return None
    entry = next_entry(key, previous, index.revision + 1, delete=delete, lease=0)
    index.apply(Change(entry, previous))
    return entry


@given(WRITES, st.integers(0, 25), st.integers(0, 3))
def test_every_revision_since_the_compacted_one_can_be_read(
    writes: list[tuple[bytes, bool]], compact: int, limit: int
) -> None:
    index = Index()
    rows: dict[int, Entry] = {}
    states: dict[int, dict[bytes, Entry]] = {1: {}}
    for key, delete in writes:
        if entry := write(index, key, delete):
            rows[entry.revision] = entry
            states[entry.revision] = dict(states[entry.revision - 1])
            states[entry.revision].pop(key, None)
            if entry.version:
                states[entry.revision][key] = entry
    compacted = min(max(compact, 1), index.revision)
    for gone in index.compact(compacted):
        del rows[gone]
    reloaded, leftover = Index.load(iter(rows.values()), compacted)
    assert leftover == []
    for one in (index, reloaded):
        for revision in range(compacted, index.revision + 1):
            expected = sorted(entry for entry in states[revision].values() if b"b" <= entry.key < b"d")
            found = one.range(b"b", b"d", limit, revision)
            assert found.entries == (expected[:limit] if limit else expected)
            assert found.total == one.count(b"b", b"d", revision) == len(expected)
            assert all(entry.revision in rows for entry in found.entries)
        log = one.changes(compacted, 100)
        assert [change.current.revision for change in log] == list(range(max(compacted, 2), index.revision + 1))


def test_rows_that_an_interrupted_compaction_left_are_found_again() -> None:
    index = Index()
    rows = [entry for key, delete in [(b"a", False), (b"a", False), (b"b", False), (b"b", True), (b"a", False)]
            if (entry := write(index, key, delete))]  # fmt: skip
    _, leftover = Index.load(iter(rows), 6)
    assert sorted(leftover) == sorted(index.compact(6)) == [2, 4, 5]
