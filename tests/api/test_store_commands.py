"""`kubern store`: a cluster's state saved, restored, moved between both back ends, and cared for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import Api, Apiserver
from tests.etcd import Etcd

PATH = "/api/v1/namespaces/default/configmaps"


def store(*arguments: str | Path, fails: bool = False) -> str:
    """Run the command and return what it says."""
    command = [sys.executable, "-m", "kubern", "store", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr if fails else done.stdout


def fill(api: Api) -> dict[str, Any]:
    """Make objects, change and delete some; returns what is there in the end."""
    for number in range(10):
        assert api("POST", PATH, {"metadata": {"name": f"c{number}"}, "data": {"n": "0"}}).code == 201
    for number in range(0, 10, 2):
        api(
            "PATCH", f"{PATH}/c{number}", {"data": {"n": "1"}}, headers={"content-type": "application/merge-patch+json"}
        )
    api("DELETE", f"{PATH}/c9")
    event = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}, "reason": "Test"}
    assert api("POST", "/api/v1/namespaces/default/events", event).code == 201
    return state(api)


def state(api: Api) -> dict[str, Any]:
    items = [*api("GET", PATH).body["items"], *api("GET", "/api/v1/namespaces/default/events").body["items"]]
    return {item["metadata"]["uid"]: (item["metadata"]["name"], item.get("data")) for item in items}


@pytest.fixture
def etcd() -> Iterator[Etcd]:
    with Etcd() as made:
        yield made


def test_a_snapshot_of_a_running_server_is_restored(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> None:
    running = own_apiserver(directory=tmp_path / "a")
    before = fill(running.start())
    file = tmp_path / "snapshot"
    assert "at revision" in store("snapshot", file, "--data-dir", tmp_path / "a")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "is there already" in store("snapshot", file, "--data-dir", tmp_path / "a", fails=True)
    restored = own_apiserver(directory=tmp_path / "b")
    store("restore", file, "--data-dir", tmp_path / "b")
    api = restored.start()
    assert state(api) == before
    made = api("POST", PATH, {"metadata": {"name": "later"}}).body
    assert int(made["metadata"]["resourceVersion"]) > 10  # revisions go on where they were
    assert "in use by another process" in store("restore", file, "--data-dir", tmp_path / "b", fails=True)
    restored.stop()
    assert "is there already" in store("restore", file, "--data-dir", tmp_path / "b", fails=True)


def test_the_state_moves_to_etcd_and_back(own_apiserver: Callable[..., Apiserver], tmp_path: Path, etcd: Etcd) -> None:
    first = own_apiserver(directory=tmp_path / "a")
    before = fill(first.start())
    in_use = store("migrate", "--data-dir", tmp_path / "a", "--to-etcd-servers", etcd.urls[0], fails=True)
    assert "in use by another process" in in_use
    first.stop()
    assert "keys restored" in store("migrate", "--data-dir", tmp_path / "a", "--to-etcd-servers", etcd.urls[0])
    assert "not empty" in store("migrate", "--data-dir", tmp_path / "a", "--to-etcd-servers", etcd.urls[0], fails=True)
    second = own_apiserver(f"--etcd-servers={etcd.urls[0]}", directory=tmp_path / "e")
    assert state(second.start()) == before
    second.stop()
    assert store("check", "--etcd-servers", etcd.urls[0]).endswith("in order\n")
    assert "compacted at revision" in store("compact", "--etcd-servers", etcd.urls[0])
    assert "bytes before" in store("defrag", "--etcd-servers", etcd.urls[0])
    file = tmp_path / "snapshot"
    assert "keys of http" in store("snapshot", file, "--etcd-servers", etcd.urls[0])
    (tmp_path / "c").mkdir()
    store("migrate", "--etcd-servers", etcd.urls[0], "--to-data-dir", tmp_path / "c")
    third = own_apiserver(directory=tmp_path / "c")
    assert state(third.start()) == before


def test_an_embedded_store_is_cared_for(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> None:
    running = own_apiserver(directory=tmp_path / "a")
    api = running.start()
    for number in range(40):
        api("POST", PATH, {"metadata": {"name": f"big{number}"}, "data": {"x": "y" * 100_000}})
        api("DELETE", f"{PATH}/big{number}")
    here = ("--data-dir", tmp_path / "a")
    assert store("check", *here).endswith("in order\n")
    assert "in use by another process" in store("defrag", *here, fails=True)
    running.stop()
    store("compact", *here)
    assert "compacted at revision" in store("compact", *here)  # there is nothing more to forget
    assert "has been compacted" in store("compact", *here, "--revision", "1", fails=True)
    before, after = (int(part.split()[0]) for part in store("defrag", *here).split(": ")[1].split(", "))
    assert after < before / 2
    assert store("check", *here).endswith("in order\n")


def together(*commands: tuple[str | Path, ...]) -> list[tuple[int, str]]:
    """Run commands at the same time; returns their codes and what they say."""
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "kubern", "store", *map(str, command)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for command in commands
    ]  # fmt: skip
    return [(process.wait(60), process.communicate()[0]) for process in started]


def test_commands_at_the_same_time_take_turns_or_are_refused(
    own_apiserver: Callable[..., Apiserver], tmp_path: Path
) -> None:
    running = own_apiserver(directory=tmp_path / "a")
    before = fill(running.start())
    file, here = tmp_path / "snapshot", ("--data-dir", tmp_path / "a")
    for action in ("compact", "defrag"):
        assert "in use by another process" in store(action, *here, fails=True)
    assert "in use by another process" in store("migrate", *here, "--to-data-dir", tmp_path / "x", fails=True)
    first, second = together(("snapshot", file, *here), ("snapshot", file, *here))
    assert sorted((first[0], second[0])) == [0, 1]
    refusal = (first if first[0] else second)[1]
    assert "is there already" in refusal or "another command writes" in refusal
    running.stop()
    for code, said in together(*(("defrag", *here), ("compact", *here)) * 2):
        assert code == 0 or "in use by another process" in said
    assert store("check", *here).endswith("in order\n")
    restored = tmp_path / "b"
    restores = together(*[("restore", file, "--data-dir", restored)] * 3)
    assert sorted(code for code, _ in restores) == [0, 1, 1]
    for code, said in restores:
        assert code == 0 or "in use by another process" in said or "is there already" in said
    assert state(own_apiserver(directory=restored).start()) == before
    assert state(running.start()) == before


def test_what_a_killed_command_left_is_named(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> None:
    running = own_apiserver(directory=tmp_path / "a")
    running.start()
    left = tmp_path / ".snapshot.half"
    left.mkdir()
    assert f"remove {left}" in store("snapshot", tmp_path / "snapshot", "--data-dir", tmp_path / "a", fails=True)
    left.rmdir()
    store("snapshot", tmp_path / "snapshot", "--data-dir", tmp_path / "a")


def test_damage_is_found(own_apiserver: Callable[..., Apiserver], tmp_path: Path) -> None:
    running = own_apiserver(directory=tmp_path / "a")
    fill(running.start())
    running.stop()
    file = tmp_path / "snapshot"
    store("snapshot", file, "--data-dir", tmp_path / "a")
    damaged = bytearray(file.read_bytes())
    damaged[20_000:60_000] = b"\xff" * 40_000
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "store.db").write_bytes(damaged)
    assert "is not in order" in store("check", "--data-dir", tmp_path / "b", fails=True)
    (tmp_path / "damaged").write_bytes(damaged)
    store("restore", tmp_path / "damaged", "--data-dir", tmp_path / "c", fails=True)
    assert not (tmp_path / "c" / "store.db").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("snapshot", "x"), "name one store"),
        (("snapshot", "--data-dir", "/nonexistent"), "needs the snapshot's FILE"),
        (("check", "--data-dir", "/nonexistent"), "there is no store at"),
        (("check", "--data-dir", "/a", "--etcd-servers", "http://b:1"), "name one store"),
        (("migrate", "--data-dir", "/nonexistent"), "name one store"),
        (("restore", "/etc/hostname", "--data-dir", "{tmp}"), "is no store"),
        (("compact", "--data-dir", "/nonexistent"), "there is no store at"),
        (("defrag", "--data-dir", "/nonexistent"), "there is no store at"),
        (("migrate", "--data-dir", "/nonexistent", "--to-data-dir", "{tmp}"), "there is no store at"),
        (("migrate", "--data-dir", "{tmp}", "--to-data-dir", "{tmp}"), "there is no store at"),
        (("disarm", "--data-dir", "{tmp}"), "only etcd keeps refusing writes"),
    ],
)
def test_mistakes_are_told_with_the_mend(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    assert said in store(*(argument.replace("{tmp}", str(tmp_path)) for argument in arguments), fails=True)
