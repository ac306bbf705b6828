"""Every command of the README, word for word and in order, as its reader types them."""

import os
import re
import subprocess
import urllib.request

import pytest

from tests.cluster.conftest import ROOT

COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.timeout(600)
def test_the_readme_works_word_for_word(tmp_path):
    environment = os.environ | {"KUBERN_HOME": str(tmp_path / "state"), "KUBECONFIG": str(tmp_path / "kubeconfig")}
    assert {"./kubern up", "./kubern test", "./kubern down"} <= set(COMMANDS)
    try:
        for command in COMMANDS:
            output = run(command, environment)
            if command.startswith("curl"):
                assert "Hello from Kubern" in output
            if command.endswith("logs greeter"):
                assert output == "Hello from greeter\n"
    finally:
        run("./kubern down", environment)
    assert not (tmp_path / "state").exists()


def run(command, environment):
    """Run one line; the test suite itself is only asked what it holds, or it would run itself."""
    if command == "./kubern test":
        command += " --no-checks --collect-only -q"
    if command.startswith("curl "):
        # curl is the reader's; what matters is the address
        with urllib.request.urlopen(command.split()[1], timeout=10) as answer:
            return answer.read().decode()
    done = subprocess.run(
        command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
