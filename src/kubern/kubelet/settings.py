"""What a kubelet is started with. The names are those of upstream's flags and of its KubeletConfiguration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubern.base.quantity import parse


@dataclass(frozen=True, slots=True)
class Settings:
    """One kubelet's settings; durations in seconds, reserved amounts as quantities."""

    node_name: str
    root_dir: Path = Path("/var/lib/kubelet")
    local_volume_path: Path | None = None
    """Below it the kubelet makes and deletes the directories of volumes that the local provisioner made; None: of none."""
    pod_logs_dir: Path = Path("/var/log/pods")
    node_ips: tuple[str, ...] = ()
    cluster_dns: tuple[str, ...] = ()
    cluster_domain: str = "cluster.local"
    resolv_conf: Path = Path("/etc/resolv.conf")
    pod_cidr: str = ""
    node_labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Mapping[str, str], ...] = ()
    """Each with key, effect and perhaps value; put on the node when it registers."""
    register_node: bool = True
    cgroup_root: str = "/"
    cgroups_per_qos: bool = True
    pod_max_pids: int = -1
    max_pods: int = 110
    system_reserved: Mapping[str, str] = field(default_factory=dict)
    eviction_hard: Mapping[str, str] = field(
        default_factory=lambda: {"memory.available": "100Mi", "nodefs.available": "10%", "pid.available": "1%"}
    )
    """Below these amounts (a quantity, or a share of all there is) the node is under pressure and pods are evicted."""
    container_log_max_size: int = 10 << 20
    container_log_max_files: int = 5
    port: int = 10250
    status_frequency: float = 10.0
    status_report_frequency: float = 300.0
    lease_duration: int = 40
    sync_frequency: float = 60.0
    """How often what a running pod's volumes are made from is looked at again."""
    relist_period: float = 1.0
    provider_id: str = ""

    def least(self, signal: str, capacity: int) -> int:
        """Return how much of `signal` (memory.available, nodefs.available, pid.available) must be left, 0 for any."""
        text = self.eviction_hard.get(signal, "0")
        if text.endswith("%"):
            return int(capacity * float(text[:-1]) / 100)
        return parse(text).value()

    def pod_dir(self, uid: str) -> Path:
        """Return where everything of one pod lies."""
        return self.root_dir / "pods" / uid

    def log_dir(self, namespace: str, name: str, uid: str) -> Path:
        """Return the folder of one pod's logs."""
        return self.pod_logs_dir / f"{namespace}_{name}_{uid}"
