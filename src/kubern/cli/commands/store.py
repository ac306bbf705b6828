"""`kubern store`: snapshots, moves and care of the cluster's state."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from kubern.cli.command import Command
from kubern.cli.failure import failures_said
from kubern.cli.flags import Argument, Option

if TYPE_CHECKING:
    from kubern.store.tools import Place


class Action(StrEnum):
    """What to do."""

    SNAPSHOT = "snapshot"
    RESTORE = "restore"
    MIGRATE = "migrate"
    COMPACT = "compact"
    DEFRAG = "defrag"
    DISARM = "disarm"
    CHECK = "check"


def run(
    action: Annotated[Action, Argument(help="snapshot FILE and check also work while the store is in use.")],
    file: Annotated[Path | None, Argument(help="The snapshot's file, for snapshot and restore.")] = None,
    data_dir: Annotated[Path | None, Option(help="The embedded store's directory.")] = None,
    etcd_servers: Annotated[str, Option(help="Comma-separated URLs of etcd.")] = "",
    etcd_cafile: Annotated[Path | None, Option(help="CA of the etcd members' certificates.")] = None,
    etcd_certfile: Annotated[Path | None, Option(help="Certificate shown to etcd.")] = None,
    etcd_keyfile: Annotated[Path | None, Option(help="Its key.")] = None,
    etcd_prefix: Annotated[str, Option(help="What all keys in etcd begin with.")] = "/registry",
    to_data_dir: Annotated[Path | None, Option(help="Where migrate copies to: an empty directory.")] = None,
    to_etcd_servers: Annotated[str, Option(help="Where migrate copies to: an etcd without such keys.")] = "",
    revision: Annotated[int, Option(help="What compact forgets is older than this; 0: all but the present.")] = 0,
) -> None:
    """Save, restore, move, shrink and check a store (embedded or etcd), and let an etcd that was full write again; of an embedded
    one the server must be stopped for all but snapshot and check. Nothing is ever written over."""
    from kubern.store.etcd.tls import Tls
    from kubern.store.tools import Place

    def place(directory: Path | None, servers: str) -> Place:
        below = b"" if etcd_prefix.strip("/") == "registry" else f"/{etcd_prefix.strip('/')}".encode()
        urls = tuple(filter(None, (url.strip() for url in servers.split(","))))
        if bool(directory) == bool(urls):
            raise ValueError("name one store: --data-dir (embedded) or --etcd-servers")
        return Place(directory, urls, Tls(etcd_cafile, etcd_certfile, etcd_keyfile), below)

    with failures_said():
        here = place(data_dir, etcd_servers)
        there = place(to_data_dir, to_etcd_servers) if action is Action.MIGRATE else None
        if action in (Action.SNAPSHOT, Action.RESTORE) and file is None:
            raise ValueError(f"kubern store {action.value} needs the snapshot's FILE")
        _do(action, file or Path(), here, there, revision)


def _do(action: Action, file: Path, here: Place, there: Place | None, revision: int) -> None:
    """Carry the action out and say what was done. Raises what the tools raise."""
    import uvloop

    from kubern.base.clock import SystemClock
    from kubern.store import tools

    async def main() -> str:
        clock = SystemClock()
        if action is Action.CHECK:
            problems = await tools.check(here, clock)
            if problems:
                raise RuntimeError("\n".join([f"{here} is not in order:", *problems]))
            return f"{here}: in order"
        if action is Action.MIGRATE and there is not None:
            return await tools.migrate(here, there, clock)
        if action is Action.SNAPSHOT:
            return await tools.snapshot(here, file, clock)
        if action is Action.RESTORE:
            return await tools.restore(file, here, clock)
        if action is Action.COMPACT:
            return await tools.compact(here, revision, clock)
        if action is Action.DISARM:
            return await tools.disarm(here, clock)
        return await tools.defrag(here, clock)

    click.echo(uvloop.run(main()))


COMMAND = Command("store", run)
