"""Groups of flags that commands share."""

from typing import Annotated

import pytest
from click.testing import CliRunner

from kubern.cli import flags
from kubern.cli.flags import Option
from kubern.cli.options import LeaderElection, SecurePort, takes
from kubern.client.leaderelection import LeaseSettings

SEEN = []


@takes(election=LeaderElection, port=SecurePort)
def command(election, port, flags, name: Annotated[str, Option(help="A name.")] = "x") -> None:
    """Do something."""
    SEEN.append((election, port, flags, name))


@pytest.fixture
def run():
    SEEN.clear()
    app = flags.command("command", command)

    def invoke(*arguments):
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        return SEEN[-1]

    return invoke


def test_each_group_comes_as_one_and_all_flags_by_name(run):
    election, port, flags, name = run(
        "--leader-elect-lease-duration=30s", "--secure-port=7", "--no-profiling", "--name=n"
    )
    assert election.leader_elect_lease_duration == "30s"
    assert (port.secure_port, port.profiling, port.bind_address, name) == (7, False, "0.0.0.0", "n")
    assert (flags["secure-port"], flags["name"], flags["leader-elect-resource-name"]) == (7, "n", "")


def test_what_is_not_given_leaves_what_is_there():
    base = LeaseSettings("held", lease_duration=60.0)
    assert LeaderElection().settings(base) == base
    changed = LeaderElection(leader_elect_retry_period="1s", leader_elect_resource_namespace="other").settings(base)
    assert changed == base._replace(retry_period=1.0, namespace="other")
    with pytest.raises(ValueError, match="leaseDuration must be greater"):
        LeaderElection(leader_elect_renew_deadline="61s").settings(base)


def test_a_ports_settings(tmp_path):
    settings = SecurePort(authorization_always_allow_paths="/healthz,/livez*,").serving(10259)
    assert (settings.secure_port, settings.always_allow_paths) == (10259, ("/healthz", "/livez*"))
    assert SecurePort(secure_port=0).serving(10259).secure_port == 0
    with pytest.raises(ValueError, match="go together"):
        SecurePort(tls_cert_file=tmp_path).serving(10259)
