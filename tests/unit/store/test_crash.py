"""SIGKILL at random moments under load: no answered write is lost, no half write is seen."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROUNDS = 60


def test_a_killed_writer_loses_no_answered_write(tmp_path: Path) -> None:
    script = Path(__file__).with_name("crash_writer.py")
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "store"), str(ROUNDS)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    found = re.fullmatch(rf"{ROUNDS} kills, (\d+) answered writes\n", run.stdout)
    assert found, run.stdout
    # the load was a load: otherwise nothing was shown
    assert int(found[1]) > 10 * ROUNDS
