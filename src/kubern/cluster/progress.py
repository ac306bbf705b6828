"""Says what a long command is doing: a line a step, with the seconds it took; plain text where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Progress:
    """Prints steps to standard error. `quiet` prints nothing."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = Console(stderr=True, quiet=quiet, highlight=False)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show `what` while the block runs, then a tick and the time, or a cross when it raised."""
        began = time.monotonic()
        try:
            if self._console.is_terminal:
                with self._console.status(f"{what} …"):
                    yield
            else:
                yield
        except BaseException:
            self._console.print(f"[red]✗[/red] {what}")
            raise
        self._console.print(f"[green]✓[/green] {what} [dim]{time.monotonic() - began:.1f} s[/dim]")

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, soft_wrap=True)
