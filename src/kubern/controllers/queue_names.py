"""The names that upstream's controllers give their work queues: dashboards select `workqueue_…` metrics by them."""

from __future__ import annotations

_UPSTREAM = {
    "bootstrap-signer-controller": "bootstrap_signer_queue",
    "clusterrole-aggregation-controller": "ClusterRoleAggregator",
    "endpoints-controller": "endpoint",
    "endpointslice-controller": "endpoint_slice",
    "endpointslice-mirroring-controller": "endpoint_slice_mirroring",
    "garbage-collector-controller": "garbage_collector_attempt_to_delete",
    "horizontal-pod-autoscaler-controller": "horizontalpodautoscaler",
    "node-lifecycle-controller": "node_lifecycle_controller",
    "persistentvolume-protection-controller": "pvprotection",
    "persistentvolumeclaim-protection-controller": "pvcprotection",
    "replicationcontroller-controller": "replicationmanager",
    "resourcequota-controller": "resourcequota_primary",
    "root-ca-certificate-publisher-controller": "root_ca_cert_publisher",
    "serviceaccount-token-controller": "serviceaccount_tokens_secret",
    "token-cleaner-controller": "token_cleaner",
    "ttl-after-finished-controller": "ttl_jobs_to_delete",
}


def queue_name(controller: str) -> str:
    """Return the name of a controller's queue: upstream's, else what the controller's own name makes."""
    return _UPSTREAM.get(controller) or controller.removesuffix("-controller").replace("-", "_")
