"""The package as `pip install .` makes it: the command, the data, the compiled stubs, and no word of where it was made."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=110)
    (made,) = folder.glob("kubern-*.whl")
    with zipfile.ZipFile(made) as archive:
        yield archive


def test_it_brings_the_command(wheel):
    (points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert b"kubern = kubern.cli:main" in wheel.read(points)


def test_it_holds_every_module_the_stubs_and_the_type_marker(wheel):
    held = set(wheel.namelist())
    sources = {
        str(path.relative_to(ROOT / "src")) for path in (ROOT / "src/kubern").rglob("*.py") if "_pb2" not in path.name
    }
    assert sources <= held
    assert {"kubern/py.typed", "kubern/kubelet/runtime/api_pb2.py"} <= held
    data = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src/kubern").rglob("*.txt")}
    assert data <= held


def test_the_lock_file_names_no_address():
    assert "://" not in (ROOT / "requirements.lock").read_text()
