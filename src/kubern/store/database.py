"""The embedded store's file: one SQLite database in WAL mode, one row a revision, the row's number is the revision.

Used by `embedded` (which reads) and `writer` (which writes). One directory belongs to one process at a time: a lock on
the file `lock` says so, and the kernel lets go of it when the process ends, however it ends. Values are inline in rows
that grow at one end only, so a write touches the last pages and compaction frees whole ones.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from kubern.store.contract import StoreError, StoreUnavailable
from kubern.store.index import Entry, Index

PAGE = 16384
FORMAT = 1
_SCHEMA = """
create table if not exists kv (
    revision integer primary key, key blob not null, value blob,
    create_revision integer not null, version integer not null, lease integer not null);
create table if not exists lease (id integer primary key, ttl integer not null);
create table if not exists meta (name text primary key, value integer not null) without rowid;
insert or ignore into meta values ('compacted', 0);
"""


class Lock:
    """The directory's lock. Raises `StoreError` when another process (or store) holds it."""

    def __init__(self, directory: Path) -> None:
        self._file = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise StoreError(f"the store in {directory} is in use by another process (pid {holder})") from error
        # only a courtesy to whoever reads the message above: a full disk must not keep the store from opening
        try:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except OSError:
            pass

    def release(self) -> None:
        """Let another process open the directory."""
        os.close(self._file)


class Opened(NamedTuple):
    """A directory that is ours, and what its file holds; `leftover` are rows that an interrupted compaction left."""

    lock: Lock
    file: Path
    reader: sqlite3.Connection
    contents: Index
    leftover: list[int]
    ttls: dict[int, int]


def open_directory(directory: Path) -> Opened:
    """Open (or make) a store's directory. Blocks. Raises `StoreError` when it is in use, `StoreUnavailable` when the disk refuses."""
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = Lock(directory)
    except OSError as error:
        raise StoreUnavailable(f"cannot open the store in {directory}: {error}") from error
    try:
        file = prepare(directory)
        reader = connect(file)
        contents, leftover = Index.load(entries(reader), compacted(reader))
        return Opened(lock, file, reader, contents, leftover, leases(reader))
    except (sqlite3.Error, OSError) as error:
        lock.release()
        raise StoreUnavailable(f"cannot open the store in {directory}: {error}") from error
    except StoreError:
        lock.release()
        raise


def connect(file: Path) -> sqlite3.Connection:
    """Open one connection; each is used by one thread at a time. Every commit is synced (synchronous=FULL)."""
    connection = sqlite3.connect(file, isolation_level=None, cached_statements=64, check_same_thread=False)
    for pragma in ("synchronous=full", "wal_autocheckpoint=0", f"journal_size_limit={64 << 20}", "cache_size=-2048"):
        connection.execute(f"pragma {pragma}")
    connection.execute("pragma busy_timeout=5000")
    return connection


def prepare(directory: Path) -> Path:
    """Make the database if it is not there and return its file. Raises `StoreError` for one of another format."""
    file = directory / "store.db"
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute(f"pragma page_size={PAGE}")
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        found = connection.execute("pragma user_version").fetchone()[0]
        if found not in (0, FORMAT):
            raise StoreError(f"{file} has format {found}; this version reads format {FORMAT}")
        if not found:
            connection.executescript(f"begin; {_SCHEMA} pragma user_version={FORMAT}; commit;")
    except sqlite3.DatabaseError as error:
        raise StoreUnavailable(f"cannot open {file}: {error}") from error
    finally:
        connection.close()
    file.chmod(0o600)
    _sync(directory)
    return file


def entries(connection: sqlite3.Connection) -> Iterator[Entry]:
    """Yield every row but its value, in revision order."""
    rows = connection.execute("select key, create_revision, revision, version, lease from kv order by revision")
    return map(Entry._make, rows)


def compacted(connection: sqlite3.Connection) -> int:
    """Return the revision of the last compaction (0: never)."""
    return int(connection.execute("select value from meta where name = 'compacted'").fetchone()[0])


def leases(connection: sqlite3.Connection) -> dict[int, int]:
    """Return the time to live in seconds of every lease, by id."""
    return dict(connection.execute("select id, ttl from lease"))


def values(connection: sqlite3.Connection, revisions: Sequence[int]) -> dict[int, bytes]:
    """Return the values of the given rows; a row that is gone is missing. At most 256 at a time."""
    if len(revisions) == 1:
        rows = connection.execute("select revision, value from kv where revision = ?", revisions)
    else:
        room = padded(len(revisions))
        marks = ",".join("?" * room)
        rows = connection.execute(
            f"select revision, value from kv where revision in ({marks})",
            (*revisions, *[None] * (room - len(revisions))),
        )
    return dict(rows.fetchall())


def padded(count: int) -> int:
    """Return the next power of two: statements come in few sizes, so that each is compiled once and kept."""
    return 1 << (count - 1).bit_length()


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
