"""The processes that `up` started, remembered by pid and start time so that no stranger with a reused pid is ever signalled."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import orjson
import psutil


def start(folder: Path, name: str, command: Sequence[str], log: Path) -> psutil.Process:
    """Start `command` in a session of its own, its output appended to `log`, and remember it as `name`."""
    folder.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, close_fds=True
        )
    process = psutil.Process(child.pid)
    record = {"pid": child.pid, "started": process.create_time(), "command": list(command)[:3]}
    (folder / f"{name}.json").write_bytes(orjson.dumps(record))
    return process


def find(folder: Path, name: str) -> psutil.Process | None:
    """Return the process remembered as `name` if it still runs."""
    try:
        record = orjson.loads((folder / f"{name}.json").read_bytes())
        process = psutil.Process(record["pid"])
        if abs(process.create_time() - record["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE:
            return process
    except (FileNotFoundError, psutil.NoSuchProcess, orjson.JSONDecodeError):
        pass
    return None


def stop(folder: Path, name: str, *, grace: float) -> None:
    """Ask `name` to end, kill it after `grace` seconds (0: at once), wait until it is gone and forget it."""
    process = find(folder, name)
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            if grace > 0:
                process.terminate()
                gone(process, grace)
            process.kill()
        gone(process, 10)
    with contextlib.suppress(FileNotFoundError):
        (folder / f"{name}.json").unlink()


def gone(process: psutil.Process, within: float) -> bool:
    """Wait at most `within` seconds for a process to end; it may be our child or somebody else's."""
    with contextlib.suppress(ChildProcessError, ProcessLookupError):
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if os.waitpid(process.pid, os.WNOHANG)[0]:
                return True
            with contextlib.suppress(psutil.TimeoutExpired):
                process.wait(0.02)
                return True
        return False
    try:
        process.wait(within)
    except psutil.TimeoutExpired:
        return False
    return True


def kill_all(pids: Sequence[int]) -> None:
    """SIGKILL these processes; those that are gone already do not matter."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
