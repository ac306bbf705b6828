"""The settings that a kubelet shows."""

from __future__ import annotations

import pytest

from kubern.base.duration import go_duration
from kubern.kubelet.server.configz import configuration
from kubern.kubelet.settings import Settings


def test_what_is_set_is_shown_and_what_is_empty_is_not() -> None:
    shown = configuration(Settings("n", max_pods=7, system_reserved={"cpu": "100m"}))["kubeletconfig"]
    assert (shown["kind"], shown["apiVersion"]) == ("KubeletConfiguration", "kubelet.config.k8s.io/v1beta1")
    assert (shown["maxPods"], shown["systemReserved"]) == (7, {"cpu": "100m"})
    assert (shown["nodeStatusUpdateFrequency"], shown["nodeStatusReportFrequency"]) == ("10s", "5m0s")
    assert shown["containerLogMaxSize"] == "10Mi"
    assert "clusterDNS" not in shown
    assert "podCIDR" not in shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(10, "10s"), (0.5, "0.5s"), (60, "1m0s"), (300, "5m0s"), (3661, "1h1m1s"), (7200, "2h0m0s")]
)
def test_durations_are_written_as_go_does(seconds: float, text: str) -> None:
    assert go_duration(seconds) == text
