"""A whole store as one file: a database as the embedded back end keeps it, with every key at its revision.

Used by `kubern store`. Blocking functions. What always holds: a file is complete or not there (it is written beside its place and moved);
a store that a server has open can be read, and nothing is ever written to it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from kubern.store import database
from kubern.store.contract import KeyValue, StoreError

NAME = "store.db"
ORIGIN = b"/registry/kubern/origin"
"""A key that stands at the revision which a copied store had reached, when nothing else does."""


def copy_file(source: Path, target: Path) -> int:
    """Copy a store's database, in use or not, to a file that is not there; returns its newest revision. Raises `StoreError`, `OSError`."""
    _absent(target)
    with _half(target) as half, closing(_open(source)) as read, closing(sqlite3.connect(half)) as written:
        read.backup(written)
        written.execute("pragma journal_mode=delete")
        problems = _problems(written)
        if problems:
            raise StoreError(f"{source} is damaged: {problems[0]}")
        return _newest(written)


def write_file(target: Path, items: Iterable[KeyValue], revision: int) -> int:
    """Write a store's database from what another one holds at `revision`; returns how many keys it has. Raises `StoreError`, `OSError`."""
    _absent(target)
    count = 0
    with _half(target) as half:
        folder = half.parent
        made = database.prepare(folder)
        with closing(sqlite3.connect(made)) as written:
            for item in items:
                row = (item.mod_revision, item.key, item.value, item.create_revision, item.version, item.lease)
                written.execute("insert into kv values (?, ?, ?, ?, ?, ?)", row)
                count += 1
            taken = written.execute("select 1 from kv where revision = ?", (revision,)).fetchone()
            if revision and not taken:
                written.execute("insert into kv values (?, ?, ?, ?, 1, 0)", (revision, ORIGIN, b"{}", revision))
            written.execute("update meta set value = ? where name = 'compacted'", (revision,))
            written.commit()
            written.execute("pragma wal_checkpoint(truncate)")
            written.execute("pragma journal_mode=delete")
        made.rename(half)
    return count


def read_file(file: Path) -> Iterator[KeyValue]:
    """Yield what stands in a store's database, in revision order. Raises `StoreError` for a file that is none."""
    with closing(_open(file)) as read:
        rows = read.execute(
            "select key, value, create_revision, max(revision), version, lease from kv group by key having version > 0 order by revision"
        )
        for row in rows:
            yield KeyValue(*row)


def check_file(file: Path) -> list[str]:
    """Return what is wrong with a store's database. Raises `StoreError` for a file that is none."""
    with closing(_open(file)) as read:
        return _problems(read)


def lease_seconds(file: Path) -> dict[int, int]:
    """Return the seconds that each lease in a store's database was granted for."""
    with closing(_open(file)) as read:
        return database.leases(read)


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Keep servers and other commands away from a store's directory, which is made if need be. Raises `StoreError` when it is in use."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = database.Lock(directory)
    try:
        yield
    finally:
        lock.release()


def shrink(directory: Path) -> tuple[int, int]:
    """Give back the room that deleted rows take; returns the bytes before and after. Raises `StoreError` when the store is in use."""
    file = directory / NAME
    _there(file)
    with alone(directory), closing(sqlite3.connect(file, isolation_level=None)) as connection:
        before = file.stat().st_size
        connection.execute("pragma wal_checkpoint(truncate)")
        connection.execute("vacuum")
        connection.execute("pragma wal_checkpoint(truncate)")
        return before, file.stat().st_size


@contextmanager
def _half(target: Path) -> Iterator[Path]:
    """Give a path to write to; what is there afterwards becomes `target`, and nothing is left when it fails."""
    folder = target.parent / f".{target.name}.half"
    try:
        folder.mkdir(parents=True, mode=0o700)
    except FileExistsError as error:
        raise StoreError(
            f"another command writes {target} right now; if none does, one was cut short: remove {folder}"
        ) from error
    try:
        half = folder / target.name if target.name != NAME else folder / "whole"
        yield half
        half.chmod(0o600)
        _absent(target)
        half.rename(target)
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def _absent(target: Path) -> None:
    if target.exists():
        raise StoreError(f"{target} is there already; choose another place or move it away")


def _there(file: Path) -> None:
    if not file.is_file():
        raise StoreError(f"there is no store at {file}")


def _open(file: Path) -> sqlite3.Connection:
    _there(file)
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
    try:
        found = connection.execute("pragma user_version").fetchone()[0]
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StoreError(f"{file} is no store: {error}") from error
    if found != database.FORMAT:
        connection.close()
        raise StoreError(f"{file} has format {found}; this version reads format {database.FORMAT}")
    return connection


def _problems(connection: sqlite3.Connection) -> list[str]:
    try:
        found = [row[0] for row in connection.execute("pragma integrity_check(20)") if row[0] != "ok"]
        odd = connection.execute(
            "select revision from kv where version > 0 and not json_valid(cast(value as text)) limit 20"
        )
        return found + [
            f"the value of revision {row[0]} is neither JSON nor encrypted"
            for row in odd
            if not _sealed(connection, row[0])
        ]
    except sqlite3.DatabaseError as error:
        return [str(error)]


def _sealed(connection: sqlite3.Connection, revision: int) -> bool:
    value = connection.execute("select value from kv where revision = ?", (revision,)).fetchone()[0]
    return bytes(value).startswith(b"k8s:enc:")


def _newest(connection: sqlite3.Connection) -> int:
    return int(connection.execute("select coalesce(max(revision), 0) from kv").fetchone()[0])
