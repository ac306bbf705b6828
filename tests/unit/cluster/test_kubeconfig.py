"""The user's kubeconfig: ours goes in and out, the rest stays."""

import pytest
import yaml

from kubern.cluster import kubeconfig
from kubern.cluster.pki import Pki


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    pki = Pki(tmp_path_factory.mktemp("pki"))
    pki.ensure("10.96.0.1", [])
    return kubeconfig.build("kubern", "https://127.0.0.1:6443", pki.ca.certificate, pki.admin)


OTHER = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "other", "cluster": {"server": "https://192.0.2.1"}}],
    "contexts": [{"name": "other", "context": {"cluster": "other", "user": "other"}}],
    "users": [{"name": "other", "user": {"token": "secret"}}],
    "current-context": "other",
    "extensions": [{"name": "kept"}],
}


def test_into_a_file_that_does_not_exist(ours, tmp_path):
    path = tmp_path / "deep" / "config"
    kubeconfig.merge(path, ours)
    assert yaml.safe_load(path.read_text())["current-context"] == "kubern"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["config"]


def test_others_stay_and_ours_is_replaced_then_removed(ours, tmp_path):
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(OTHER))
    for _ in range(2):
        kubeconfig.merge(path, ours)
    merged = yaml.safe_load(path.read_text())
    assert [c["name"] for c in merged["contexts"]] == ["other", "kubern"]
    assert merged["current-context"] == "kubern"
    kubeconfig.remove(path, "kubern")
    left = yaml.safe_load(path.read_text())
    assert left == OTHER | {"current-context": ""}


def test_removing_leaves_another_current_context(ours, tmp_path):
    path = tmp_path / "config"
    kubeconfig.merge(path, ours)
    changed = yaml.safe_load(path.read_text()) | {"current-context": "other"}
    path.write_text(yaml.safe_dump(changed))
    kubeconfig.remove(path, "kubern")
    assert yaml.safe_load(path.read_text())["current-context"] == "other"


@pytest.mark.parametrize("text", ["- a\n- b\n", "clusters: 7\n", "a: [", "clusters: [1]\n", "\0"])
def test_a_file_that_is_no_kubeconfig_is_refused_and_not_touched(ours, tmp_path, text):
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(kubeconfig.UnreadableKubeconfig, match="set KUBECONFIG"):
        kubeconfig.merge(path, ours)
    assert path.read_text() == text


def test_a_link_stays_a_link(ours, tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text(yaml.safe_dump(OTHER))
    link.symlink_to(real)
    kubeconfig.merge(link, ours)
    assert link.is_symlink()
    assert len(yaml.safe_load(real.read_text())["contexts"]) == 2


def test_the_first_file_of_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path}/a:{tmp_path}/b")
    assert kubeconfig.users_file() == tmp_path / "a"
    monkeypatch.setenv("KUBECONFIG", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kubeconfig.users_file() == tmp_path / ".kube/config"


def test_a_lock_of_another_program_is_waited_for_and_respected(ours, tmp_path, monkeypatch):
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(OTHER))
    lock = tmp_path / "config.lock"
    lock.touch()
    monkeypatch.setattr(kubeconfig, "LOCK_PATIENCE", 0.05)
    with pytest.raises(kubeconfig.UnreadableKubeconfig, match="being changed by another program"):
        kubeconfig.merge(path, ours)
    assert yaml.safe_load(path.read_text()) == OTHER
    assert lock.exists()
    lock.unlink()
    kubeconfig.merge(path, ours)
    assert not lock.exists()


def test_a_file_without_ours_is_not_rewritten(tmp_path):
    path = tmp_path / "config"
    path.write_text("# a comment\nclusters: []\n")
    kubeconfig.remove(path, "ours")
    assert path.read_text() == "# a comment\nclusters: []\n"


def test_the_check_leaves_no_trace_and_says_what_merge_would(tmp_path):
    kubeconfig.check(tmp_path / "deep" / "config")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("[")
    for path in (tmp_path / "file", tmp_path / "file" / "config", tmp_path):
        with pytest.raises(kubeconfig.UnreadableKubeconfig):
            kubeconfig.check(path)
