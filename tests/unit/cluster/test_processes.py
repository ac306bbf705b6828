"""Processes by record: what still runs, what is gone, and what must not be taken for ours."""

import os
import subprocess
import sys

import orjson
import psutil
import pytest

from kubern.cluster import processes

ENDLESS = [sys.executable, "-c", "import signal; signal.pause()"]


@pytest.fixture
def stranger():
    """A running process that no record was made for."""
    child = subprocess.Popen(ENDLESS)
    yield child
    child.kill()
    child.wait()


def test_a_started_process_is_found_and_stopped(tmp_path):
    started = processes.start(tmp_path, "one", ENDLESS, tmp_path / "log")
    assert processes.find(tmp_path, "one") == started
    processes.stop(tmp_path, "one", grace=5)
    assert processes.find(tmp_path, "one") is None
    assert not psutil.pid_exists(started.pid)
    assert not (tmp_path / "one.json").exists()


def test_a_stranger_with_a_reused_pid_is_not_signalled(tmp_path, stranger):
    (tmp_path / "one.json").write_bytes(orjson.dumps({"pid": stranger.pid, "started": 1.0}))
    assert processes.find(tmp_path, "one") is None
    processes.stop(tmp_path, "one", grace=0)
    assert stranger.poll() is None


@pytest.mark.parametrize(
    "record", [b"", b"[1]", b"{}", b'{"pid":"x","started":1}', b'{"pid":-1,"started":1}', b'{"pid":1']
)
def test_a_record_that_makes_no_sense_remembers_nothing(tmp_path, record):
    (tmp_path / "one.json").write_bytes(record)
    assert processes.find(tmp_path, "one") is None


def test_a_zombie_counts_as_gone(stranger):
    process = psutil.Process(stranger.pid)
    # somebody else's zombie: a child of ours would be reaped by the question
    os.kill(stranger.pid, 9)
    os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)
    assert process.status() == psutil.STATUS_ZOMBIE
    assert processes.gone(process, 5)


def test_one_that_goes_on_is_not_gone(stranger):
    assert not processes.gone(psutil.Process(stranger.pid), 0.01)


def test_processes_are_found_by_their_arguments_in_a_row(stranger, tmp_path):
    marked = subprocess.Popen([*ENDLESS, "--state", str(tmp_path)])
    try:
        assert [each.pid for each in processes.speaking_of("--state", str(tmp_path))] == [marked.pid]
        assert not processes.speaking_of(str(tmp_path), "--state")
    finally:
        marked.kill()
        marked.wait()
