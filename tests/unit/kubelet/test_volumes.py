"""Volumes: their files, their types, their changes."""

from __future__ import annotations

import base64
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kubern.base.clock import FakeClock
from kubern.kubelet.downward import Host
from kubern.kubelet.environment import ConfigError
from kubern.kubelet.mounts import hosts_mount, volume_mounts
from kubern.kubelet.payload import File, write_payload
from kubern.kubelet.runtime.config import Mount
from kubern.kubelet.volume import Token, VolumeError
from kubern.kubelet.volume_set import Mounted, VolumeSet, volume_types
from tests.unit.kubelet.pods import pod

HOST = Host("n1", ("192.0.2.1",), {"cpu": "4"})


class Objects:
    """API objects by (kind, name)."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.there: dict[tuple[str, str], dict[str, Any]] = {}

    async def get(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        return self.there.get((kind, name))

    async def token(self, pod: dict[str, Any], audience: str, seconds: int) -> Token:
        return Token(f"token for {audience}", self.clock.now() + timedelta(seconds=seconds))

    async def trust_bundle(self, name: str) -> dict[str, Any] | None:
        return None


class Mounts:
    """Remembers what would be mounted."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str]] = []

    def tmpfs(self, path: Path, options: str) -> None:
        self.made.append((path.name, options))

    def unmount(self, path: Path) -> None:
        raise AssertionError(path)


class World:
    def __init__(self, root: Path) -> None:
        self.clock = FakeClock()
        self.objects = Objects(self.clock)
        self.mounts = Mounts()
        self.set = VolumeSet(root, self.objects, self.mounts, self.clock)

    async def prepare(self, source: dict[str, Any], **spec: Any) -> Path:
        owner = pod(volumes=[{"name": "v", **source}], **spec)
        return (await self.set.prepare(owner, HOST))["v"].path


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def files(path: Path) -> dict[str, str]:
    """Return the visible files by path, as a program in the container sees them."""
    found = {}
    for folder, folders, names in os.walk(path, followlinks=True):
        folders[:] = [each for each in folders if not each.startswith("..")]
        found |= {os.path.relpath(os.path.join(folder, each), path): Path(folder, each).read_text() for each in names}
    return found


def test_every_volume_type_has_a_file_of_its_own() -> None:
    found = volume_types()
    assert {"emptyDir", "hostPath", "configMap", "secret", "projected", "downwardAPI"} <= set(found)
    assert len({each.plugin for each in found.values()}) == len(found)


def bound(world: World, path: Path, owner: str) -> None:
    """Put a claim `p-v` there that is bound to a local volume, brought along by the pod `owner`."""
    owners = [{"kind": "Pod", "uid": owner, "controller": True}]
    claim = {"metadata": {"ownerReferences": owners}, "spec": {"volumeName": "pv"}, "status": {"phase": "Bound"}}
    world.objects.there["persistentvolumeclaim", f"{pod()['metadata']['name']}-v"] = claim
    world.objects.there["persistentvolume", "pv"] = {"metadata": {"name": "pv"}, "spec": {"local": {"path": str(path)}}}


async def test_a_claim_that_the_pod_brought_along_is_mounted(world: World, tmp_path: Path) -> None:
    bound(world, tmp_path, pod()["metadata"]["uid"])
    assert await world.prepare({"ephemeral": {"volumeClaimTemplate": {}}}) == tmp_path


async def test_a_claim_that_another_brought_along_is_not(world: World, tmp_path: Path) -> None:
    bound(world, tmp_path, "another")
    with pytest.raises(VolumeError, match=r"was not created for pod .* \(pod is not owner\)"):
        await world.prepare({"ephemeral": {"volumeClaimTemplate": {}}})


async def test_config_map_files_and_their_change(world: World) -> None:
    world.objects.there["configmap", "cm"] = {"data": {"a": "1"}, "binaryData": {"b": base64.b64encode(b"2").decode()}}
    source = {"configMap": {"name": "cm", "defaultMode": 0o400}}
    path = await world.prepare(source)
    assert files(path) == {"a": "1", "b": "2"}
    assert os.readlink(path / "a") == "..data/a"
    assert (path / "a").stat().st_mode & 0o777 == 0o400
    await world.clock.advance(1)
    world.objects.there["configmap", "cm"] = {"data": {"a": "changed", "c": "3"}}
    await world.prepare(source)
    assert files(path) == {"a": "changed", "c": "3"}
    assert len([each for each in path.iterdir() if each.name.startswith("..2")]) == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"configMap": {"name": "no"}}, 'configmap "no" not found'),
        ({"secret": {"secretName": "no"}}, 'secret "no" not found'),
        ({"configMap": {"name": "cm", "items": [{"key": "x", "path": "y"}]}}, "references non-existent config key: x"),
        ({"hostPath": {"path": "/nonexistent", "type": "Directory"}}, "hostPath type check failed: /nonexistent is not a directory"),
        ({"projected": {"sources": [{"secret": {"name": "no"}}]}}, 'secret "no" not found'),
    ],
)  # fmt: skip
async def test_what_is_missing_is_named(world: World, source: dict[str, Any], message: str) -> None:
    world.objects.there["configmap", "cm"] = {"data": {"a": "1"}}
    with pytest.raises(VolumeError) as caught:
        await world.prepare(source)
    assert str(caught.value) == f'MountVolume.SetUp failed for volume "v" : {message}'


async def test_items_choose_paths_and_modes(world: World) -> None:
    world.objects.there["secret", "s"] = {"data": {"k": base64.b64encode(b"x").decode(), "l": ""}}
    items = [{"key": "k", "path": "deep/er/file", "mode": 0o600}]
    path = await world.prepare({"secret": {"secretName": "s", "items": items}})
    assert files(path) == {"deep/er/file": "x"}
    assert (path / "deep/er/file").stat().st_mode & 0o777 == 0o600
    assert world.mounts.made == [("v", "mode=0755")]


async def test_optional_sources_may_be_missing(world: World) -> None:
    assert files(await world.prepare({"configMap": {"name": "no", "optional": True}})) == {}


async def test_projected_sources_share_a_directory(world: World) -> None:
    world.objects.there["configmap", "ca"] = {"data": {"ca.crt": "C"}}
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 600, "audience": "me"}},
        {"configMap": {"name": "ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    path = await world.prepare({"projected": {"sources": sources, "defaultMode": 0o644}})
    assert files(path) == {"token": "token for me", "ca.crt": "C", "namespace": "ns"}


async def test_downward_labels_follow_the_pod(world: World) -> None:
    items = [
        {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        {"path": "cpu", "resourceFieldRef": {"containerName": "c0", "resource": "limits.cpu"}},
    ]
    owner = pod(volumes=[{"name": "v", "downwardAPI": {"items": items}}], meta={"labels": {"b": 'q"', "a": "1"}})
    path = (await world.set.prepare(owner, HOST))["v"].path
    assert files(path) == {"labels": 'a="1"\nb="q\\""', "cpu": "4"}
    owner["metadata"]["labels"] = {"a": "2"}
    await world.clock.advance(1)
    await world.set.refresh(owner, HOST)
    assert files(path)["labels"] == 'a="2"'


async def test_empty_dirs_on_disk_and_in_memory(world: World) -> None:
    assert (await world.prepare({"emptyDir": {}})).stat().st_mode & 0o777 == 0o777
    await world.prepare({"emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}})
    assert world.mounts.made == [("v", "size=1048576,mode=0777")]


async def test_host_paths_are_made_on_demand(world: World, tmp_path: Path) -> None:
    await world.prepare({"hostPath": {"path": str(tmp_path / "x/y"), "type": "DirectoryOrCreate"}})
    assert (tmp_path / "x/y").is_dir()
    with pytest.raises(VolumeError, match="is not a socket file"):
        await world.prepare({"hostPath": {"path": str(tmp_path / "x"), "type": "Socket"}})


async def test_unknown_sources_are_refused(world: World) -> None:
    with pytest.raises(VolumeError, match="no volume plugin matched name: flocker"):
        await world.prepare({"flocker": {}})


async def test_a_pods_files_go_with_it(world: World, tmp_path: Path) -> None:
    await world.prepare({"emptyDir": {}})
    assert world.set.known() == {"u"}
    await world.set.remove("u")
    assert not (tmp_path / "pods/u").exists()


def test_an_unchanged_payload_is_not_written_again(tmp_path: Path) -> None:
    clock = FakeClock()
    assert write_payload(tmp_path / "v", {"a": File(b"1")}, clock)
    before = os.readlink(tmp_path / "v/..data")
    assert not write_payload(tmp_path / "v", {"a": File(b"1")}, clock)
    assert os.readlink(tmp_path / "v/..data") == before


def mounts(root: Path, **mount: Any) -> tuple[Mount, ...]:
    container = {"name": "c", "volumeMounts": [{"name": "v", "mountPath": "/m", **mount}]}
    return volume_mounts(container, {"v": Mounted(root, False)}, {"POD": "p-0"}.get)


def test_sub_paths_are_made_inside_the_volume(tmp_path: Path) -> None:
    (found,) = mounts(tmp_path, subPath="a/b", readOnly=True)
    assert found == Mount("/m", str(tmp_path / "a/b"), readonly=True)
    assert (tmp_path / "a/b").is_dir()
    (found,) = mounts(tmp_path, subPathExpr="x-$(POD)")
    assert found.host_path == str(tmp_path / "x-p-0")


@pytest.mark.parametrize("sub", ["../out", "/etc", "link/x"])
def test_sub_paths_cannot_leave_the_volume(tmp_path: Path, sub: str) -> None:
    volume = tmp_path / "v"
    volume.mkdir()
    (volume / "link").symlink_to("/etc")
    with pytest.raises(ConfigError):
        mounts(volume, subPath=sub)


def test_a_container_may_bring_its_own_hosts_file() -> None:
    assert hosts_mount({"volumeMounts": [{"name": "v", "mountPath": "/etc/hosts/"}]}, Path("/x")) == ()
    assert hosts_mount({}, Path("/x")) == (Mount("/etc/hosts", "/x"),)
