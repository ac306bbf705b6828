"""The resources that controllers work with."""

from __future__ import annotations

from kubern.client.contract import GVR
from kubern.client.informer import Informer, Informers

PODS = GVR("", "v1", "pods")
NODES = GVR("", "v1", "nodes")
NAMESPACES = GVR("", "v1", "namespaces")
SERVICES = GVR("", "v1", "services")
ENDPOINTS = GVR("", "v1", "endpoints")
CONFIG_MAPS = GVR("", "v1", "configmaps")
SECRETS = GVR("", "v1", "secrets")
VOLUMES = GVR("", "v1", "persistentvolumes")
SERVICE_ACCOUNTS = GVR("", "v1", "serviceaccounts")
REPLICATION_CONTROLLERS = GVR("", "v1", "replicationcontrollers")
RESOURCE_QUOTAS = GVR("", "v1", "resourcequotas")
CLAIMS = GVR("", "v1", "persistentvolumeclaims")
LEASES = GVR("coordination.k8s.io", "v1", "leases")
ENDPOINT_SLICES = GVR("discovery.k8s.io", "v1", "endpointslices")
DEPLOYMENTS = GVR("apps", "v1", "deployments")
REPLICA_SETS = GVR("apps", "v1", "replicasets")
DAEMON_SETS = GVR("apps", "v1", "daemonsets")
STATEFUL_SETS = GVR("apps", "v1", "statefulsets")
CONTROLLER_REVISIONS = GVR("apps", "v1", "controllerrevisions")
JOBS = GVR("batch", "v1", "jobs")
CRON_JOBS = GVR("batch", "v1", "cronjobs")
DISRUPTION_BUDGETS = GVR("policy", "v1", "poddisruptionbudgets")
STORAGE_CLASSES = GVR("storage.k8s.io", "v1", "storageclasses")
ATTACHMENTS = GVR("storage.k8s.io", "v1", "volumeattachments")
CSI_DRIVERS = GVR("storage.k8s.io", "v1", "csidrivers")
ATTRIBUTES_CLASSES = GVR("storage.k8s.io", "v1", "volumeattributesclasses")
SERVICE_CIDRS = GVR("networking.k8s.io", "v1", "servicecidrs")
IP_ADDRESSES = GVR("networking.k8s.io", "v1", "ipaddresses")
MIGRATIONS = GVR("storagemigration.k8s.io", "v1beta1", "storageversionmigrations")
SIGNING_REQUESTS = GVR("certificates.k8s.io", "v1", "certificatesigningrequests")
DEFINITIONS = GVR("apiextensions.k8s.io", "v1", "customresourcedefinitions")
VALIDATING_POLICIES = GVR("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies")
RESOURCE_CLAIMS = GVR("resource.k8s.io", "v1", "resourceclaims")
CLAIM_TEMPLATES = GVR("resource.k8s.io", "v1", "resourceclaimtemplates")
RESOURCE_SLICES = GVR("resource.k8s.io", "v1", "resourceslices")
TAINT_RULES = GVR("resource.k8s.io", "v1beta2", "devicetaintrules")
CLUSTER_ROLES = GVR("rbac.authorization.k8s.io", "v1", "clusterroles")

_NOT_TOKENS = ("Opaque", "kubernetes.io/tls", "kubernetes.io/dockerconfigjson", "helm.sh/release.v1")
_SELECTORS = {SECRETS: ",".join(f"type!={kind}" for kind in _NOT_TOKENS)}


def followed(informers: Informers, gvr: GVR) -> Informer:
    """Return the informer that controllers share of a resource: of Secrets, which may be many and large, they see tokens."""
    return informers.of(gvr, field_selector=_SELECTORS.get(gvr, ""))
