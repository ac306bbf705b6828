"""`kubern test`: the checks and the whole test suite of a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Annotated

import click

from kubern.cli.command import Command
from kubern.cli.flags import Option

_CHECKS = {
    "format": ("ruff", "format", "--check", "--quiet", "."),
    "lint": ("ruff", "check", "--quiet", "."),
    "types": ("mypy",),
    "imports": ("lint-imports", "--no-cache"),
}


def run(
    ctx: click.Context,
    checks: Annotated[bool, Option(help="Format, lint, type and import checks before the tests.")] = True,
) -> None:
    """Run the checks and the tests of this checkout; further arguments go to pytest (`kubern test tests/unit`)."""
    root = Path(__file__).parents[4]
    if not (root / "tests").is_dir():
        raise click.BadParameter("run it in a checkout: the installed package has no tests")
    scripts = Path(sysconfig.get_path("scripts"))
    environment = os.environ | {"PATH": f"{scripts}:{os.environ.get('PATH', '')}"}
    for name, (program, *arguments) in _CHECKS.items() if checks else ():
        print(f"== {name}", flush=True)
        code = subprocess.run([scripts / program, *arguments], cwd=root, env=environment, check=False).returncode
        if code:
            raise click.exceptions.Exit(code)
    print("== tests", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", *ctx.args]
    raise click.exceptions.Exit(subprocess.run(command, cwd=root, env=environment, check=False).returncode)


COMMAND = Command("test", run, passthrough=True)
