"""Directories of local volumes: made and deleted where they may be, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubern.base.errors import BadRequest, NotFound
from kubern.base.json import Obj
from kubern.kubelet.local_volumes import LocalVolumes

NAME = "pvc-0f0c9a52-4a35-4b39-8f4c-2f3b6c1d9e11"


def volume(path: Path, provisioner: str = "kubern.io/local", name: str = NAME) -> Obj:
    notes = {"pv.kubernetes.io/provisioned-by": provisioner}
    return {"metadata": {"name": name, "annotations": notes}, "spec": {"local": {"path": str(path)}}}


def test_a_volume_is_a_directory_that_anybody_in_a_container_may_write(tmp_path):
    local = LocalVolumes(tmp_path / "volumes")
    path = tmp_path / "volumes" / NAME
    local.ensure(volume(path))
    (path / "kept").write_text("x")
    local.ensure(volume(path))
    assert path.stat().st_mode & 0o777 == 0o777
    assert (path / "kept").read_text() == "x"
    local.remove(NAME)
    assert not path.exists()
    local.remove(NAME)


def test_nothing_else_is_made(tmp_path):
    root = tmp_path / "volumes"
    LocalVolumes(None).ensure(volume(root / NAME))
    local = LocalVolumes(root)
    for path in (tmp_path / NAME, root / ".." / NAME, root / NAME / "below", root / "other"):
        local.ensure(volume(path))
    local.ensure(volume(root / NAME, "example.com/disk"))
    local.ensure(volume(root / "other", name="other"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["..", ".", "", "pvc-", f"../{NAME}", f"{NAME}/..", "kept"])
def test_nothing_else_is_deleted(tmp_path, name):
    (tmp_path / "kept").mkdir()
    with pytest.raises(BadRequest):
        LocalVolumes(tmp_path).remove(name)
    assert (tmp_path / "kept").is_dir()


def test_a_link_in_place_of_a_volume_is_not_followed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "volumes").mkdir()
    (tmp_path / "volumes" / NAME).symlink_to(tmp_path / "kept")
    with pytest.raises(OSError, match="symbolic link"):
        LocalVolumes(tmp_path / "volumes").remove(NAME)
    assert (tmp_path / "kept").is_dir()


def test_a_node_that_keeps_none_says_so():
    with pytest.raises(NotFound, match="keeps no local volumes"):
        LocalVolumes(None).remove(NAME)
