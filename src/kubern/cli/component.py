"""How a component's command runs: logging, the client, the event loop, a clean end on SIGTERM and SIGINT."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import uvloop

from kubern.base.clock import Clock, SystemClock
from kubern.cli.failure import failures_said
from kubern.client.client import ApiClient


def set_up_logging(verbosity: int) -> None:
    """Log to standard error: warnings at 0, what is done from 2 on, everything from 4 on."""
    level = logging.WARNING if verbosity < 2 else logging.INFO if verbosity < 4 else logging.DEBUG
    handler = logging.StreamHandler()
    handler.setFormatter(_WithFields("%(asctime)s %(levelname).1s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])


class _WithFields(logging.Formatter):
    """Appends a record's own fields (`extra`) to its message: `container started pod=default/web container=c`."""

    _ORDINARY = frozenset([*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"])

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = [f"{name}={value}" for name, value in vars(record).items() if name not in self._ORDINARY]
        return " ".join([super().formatMessage(record), *fields])


def run_until_told(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `main` on uvloop until it ends or a signal cancels it."""

    async def supervised() -> None:
        task = asyncio.ensure_future(main())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            logging.getLogger("kubern").info("told to end")

    with failures_said():
        uvloop.run(supervised())


def run_component(
    main: Callable[[ApiClient, Clock], Awaitable[None]], kubeconfig: Path, verbosity: int, agent: str
) -> None:
    """Run a component as the user of a kubeconfig; `agent` is its name as upstream's component of the kind has it."""
    from kubern.client.kubeconfig import load
    from kubern.client.transport_https import HttpsTransport

    async def connected() -> None:
        client = ApiClient(HttpsTransport(load(kubeconfig), agent))
        try:
            await main(client, SystemClock())
        finally:
            await client.close()

    set_up_logging(verbosity)
    run_until_told(connected)
