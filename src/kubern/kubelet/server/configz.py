"""`/configz`: the settings that a kubelet runs with, as upstream's KubeletConfiguration has them.

Called by the kubelet's API. What always holds: only fields that this kubelet heeds are shown, under upstream's names.
"""

from __future__ import annotations

from kubern.base.duration import go_duration
from kubern.base.json import Obj
from kubern.kubelet.settings import Settings


def configuration(settings: Settings) -> Obj:
    """Return what `/configz` answers."""
    shown: Obj = {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "cgroupRoot": settings.cgroup_root,
        "cgroupsPerQOS": settings.cgroups_per_qos,
        "clusterDNS": list(settings.cluster_dns),
        "clusterDomain": settings.cluster_domain,
        "containerLogMaxFiles": settings.container_log_max_files,
        "containerLogMaxSize": f"{settings.container_log_max_size >> 20}Mi",
        "evictionHard": dict(settings.eviction_hard),
        "maxPods": settings.max_pods,
        "nodeLeaseDurationSeconds": settings.lease_duration,
        "nodeStatusReportFrequency": go_duration(settings.status_report_frequency),
        "nodeStatusUpdateFrequency": go_duration(settings.status_frequency),
        "podCIDR": settings.pod_cidr,
        "podLogsDir": str(settings.pod_logs_dir),
        "podPidsLimit": settings.pod_max_pids,
        "port": settings.port,
        "providerID": settings.provider_id,
        "registerNode": settings.register_node,
        "registerWithTaints": [dict(taint) for taint in settings.taints],
        "resolvConf": str(settings.resolv_conf),
        "syncFrequency": go_duration(settings.sync_frequency),
        "systemReserved": dict(settings.system_reserved),
    }
    return {"kubeletconfig": {key: value for key, value in shown.items() if value not in ("", [], {})}}
