"""The processes that `up` started, remembered by pid and start time so that no stranger with a reused pid is ever signalled."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
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
    fresh = folder / f"{name}.new"
    fresh.write_bytes(orjson.dumps(record))
    fresh.replace(folder / f"{name}.json")
    return process


def find(folder: Path, name: str) -> psutil.Process | None:
    """Return the process remembered as `name` if it still runs; a record that makes no sense remembers nothing."""
    try:
        record = orjson.loads((folder / f"{name}.json").read_bytes())
        process = psutil.Process(record["pid"])
        if abs(process.create_time() - record["started"]) < 1 and process.status() != psutil.STATUS_ZOMBIE:
            return process
    except (FileNotFoundError, psutil.NoSuchProcess, ValueError, TypeError, KeyError):
        pass
    return None


def speaking_of(*argument: str) -> list[psutil.Process]:
    """Return the processes of this machine whose command line holds these arguments in a row, whoever remembers them."""
    wanted = list(argument)
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            if any(line[start : start + len(wanted)] == wanted for start in range(len(line))):
                found.append(process)
    return found


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
    """Wait at most `within` seconds for a process to end; it may be our child or somebody else's.

    It counts as ended from when it is a zombie: its parent may take seconds to notice.
    """
    try:
        ended = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            poll = select.poll()
            poll.register(ended, select.POLLIN)
            if not poll.poll(within * 1000):
                return False
        with contextlib.suppress(ChildProcessError):
            os.waitpid(process.pid, os.WNOHANG)
    except psutil.NoSuchProcess:
        pass
    finally:
        os.close(ended)
    return True


def kill_all(pids: Sequence[int]) -> None:
    """SIGKILL these processes; those that are gone already do not matter."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
