"""How a command ends that could not do its work: one message, exit code 1, no stack."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click


@contextmanager
def failures_said() -> Iterator[None]:
    """Turn the failures that a person can mend into a message on standard error and exit code 1."""
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:
        click.secho(f"kubern: {error}", err=True, fg="red")
        raise click.exceptions.Exit(1) from error
    except KeyboardInterrupt:
        click.secho("kubern: interrupted", err=True)
        raise click.exceptions.Exit(130) from None
