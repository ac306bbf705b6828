"""`/configz` of the controller manager: what it runs with, under the names of upstream's KubeControllerManagerConfiguration.

What always holds: only what is heeded here is shown; no key and no certificate is.
"""

from __future__ import annotations

from collections.abc import Collection

from kubern.base.duration import go_duration
from kubern.base.json import Obj
from kubern.controllers.cache import Options


def shown(options: Options, names: Collection[str] | None) -> Obj:
    """Return the options in the API's form; `names` are the controllers asked for, None all."""
    scaling = options.autoscaling
    return {
        "kind": "KubeControllerManagerConfiguration",
        "apiVersion": "kubecontrollermanager.config.k8s.io/v1alpha1",
        "Generic": {"Controllers": ["*"] if names is None else [*names]},
        "KubeCloudShared": {
            "AllocateNodeCIDRs": options.allocate_node_cidrs,
            "ClusterCIDR": options.cluster_cidr,
        },
        "HPAController": {
            "HorizontalPodAutoscalerSyncPeriod": go_duration(scaling.sync_period),
            "HorizontalPodAutoscalerDownscaleStabilizationWindow": go_duration(scaling.downscale_stabilization),
            "HorizontalPodAutoscalerTolerance": scaling.tolerance,
            "HorizontalPodAutoscalerCPUInitializationPeriod": go_duration(scaling.cpu_initialization_period),
            "HorizontalPodAutoscalerInitialReadinessDelay": go_duration(scaling.initial_readiness_delay),
        },
        "LegacySATokenCleaner": {"CleanUpPeriod": go_duration(options.legacy_token_clean_up_period)},
        "NodeIPAMController": {"NodeCIDRMaskSize": options.node_cidr_mask_size},
        "NodeLifecycleController": {
            "NodeMonitorGracePeriod": go_duration(options.node_monitor_grace_period),
            "NodeStartupGracePeriod": go_duration(options.node_startup_grace_period),
            "NodeEvictionRate": options.eviction_rates.node_eviction_rate,
            "SecondaryNodeEvictionRate": options.eviction_rates.secondary_node_eviction_rate,
            "LargeClusterSizeThreshold": options.eviction_rates.large_cluster_size_threshold,
            "UnhealthyZoneThreshold": options.eviction_rates.unhealthy_zone_threshold,
        },
        "PodGCController": {"TerminatedPodGCThreshold": options.terminated_pod_gc_threshold},
    }
