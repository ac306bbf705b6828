"""One ClusterRole a controller, `system:controller:NAME`, bound to the service account NAME in kube-system.

Each but a few may also write events, which is not repeated here. Names and rights are upstream's (`--use-service-account-credentials`).
"""

from __future__ import annotations

from kubern.apiserver.authz.bootstrap.notation import rules

_EVENTS = "create,patch,update core,events.k8s.io events"

_RULES = {
    "attachdetach-controller": """
        list,watch core persistentvolumeclaims,persistentvolumes
        read core nodes
        patch,update core nodes/status
        list,watch core pods
        create,delete,get,list,watch storage.k8s.io volumeattachments
        read storage.k8s.io csidrivers,csinodes
    """,
    "certificate-controller": """
        delete,get,list,watch certificates.k8s.io certificatesigningrequests
        update certificates.k8s.io certificatesigningrequests/approval,certificatesigningrequests/status
        approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet
        sign certificates.k8s.io signers kubernetes.io/kube-apiserver-client,
            kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,kubernetes.io/legacy-unknown
        create authorization.k8s.io subjectaccessreviews
    """,
    "clusterrole-aggregation-controller": """
        escalate,get,list,patch,update,watch rbac.authorization.k8s.io clusterroles
    """,
    "cronjob-controller": """
        get,list,update,watch batch cronjobs
        create,delete,get,list,patch,update,watch batch jobs
        update batch cronjobs/status
        update batch cronjobs/finalizers
        delete,list,watch core pods
    """,
    "daemon-set-controller": """
        read apps,extensions daemonsets
        update apps,extensions daemonsets/status
        update apps,extensions daemonsets/finalizers
        list,watch core nodes
        create,delete,list,patch,watch core pods
        create core pods/binding
        create,delete,get,list,patch,update,watch apps controllerrevisions
    """,
    "deployment-controller": """
        get,list,update,watch apps,extensions deployments
        update apps,extensions deployments/status
        update apps,extensions deployments/finalizers
        create,delete,get,list,patch,update,watch apps,extensions replicasets
        get,list,update,watch core pods
    """,
    "device-taint-eviction-controller": """
        delete,get,list,watch core pods
        patch,update core pods/status
        read resource.k8s.io deviceclasses,resourceclaims,resourceslices
    """,
    "disruption-controller": """
        read apps,extensions deployments
        read apps,extensions replicasets
        read core replicationcontrollers
        read policy poddisruptionbudgets
        read apps statefulsets
        update policy poddisruptionbudgets/status
        patch,update core pods/status
        get * */scale
    """,
    "endpoint-controller": """
        read core pods,services
        create,delete,get,list,update,watch core endpoints
        create core endpoints/restricted
    """,
    "endpointslice-controller": """
        read core nodes,pods,services
        update core services/finalizers
        create,delete,get,list,update,watch discovery.k8s.io endpointslices
    """,
    "endpointslicemirroring-controller": """
        read core endpoints,services
        update core services/finalizers
        update core endpoints/finalizers
        create,delete,get,list,update,watch discovery.k8s.io endpointslices
    """,
    "ephemeral-volume-controller": """
        update core pods/finalizers
        read core pods
        create,get,list,watch core persistentvolumeclaims
    """,
    "expand-controller": """
        get,list,patch,update,watch core persistentvolumes
        patch,update core persistentvolumeclaims/status
        read core persistentvolumeclaims
        get core services
    """,
    "generic-garbage-collector": """
        delete,get,list,patch,update,watch * *
    """,
    "horizontal-pod-autoscaler": """
        read autoscaling horizontalpodautoscalers
        update autoscaling horizontalpodautoscalers/status
        get,update * */scale
        list,watch core pods
        list,watch metrics.k8s.io pods
        read custom.metrics.k8s.io *
        read external.metrics.k8s.io *
    """,
    "job-controller": """
        get,list,patch,update,watch batch jobs
        update batch jobs/status
        update batch jobs/finalizers
        create,delete,list,patch,watch core pods
    """,
    "legacy-service-account-token-cleaner": """
        get core configmaps kube-apiserver-legacy-service-account-token-tracking
        delete,patch core secrets
    """,
    "namespace-controller": """
        delete,get,list,watch core namespaces
        update core namespaces/finalize,namespaces/status
        delete,deletecollection,get,list,watch * *
    """,
    "node-controller": """
        delete,get,list,patch,update,watch core nodes
        patch,update core nodes/status
        patch,update core pods/status
        delete,get,list,watch core pods
    """,
    "persistent-volume-binder": """
        create,delete,get,list,update,watch core persistentvolumes
        update core persistentvolumes/status
        get,list,update,watch core persistentvolumeclaims
        update core persistentvolumeclaims/status
        create,delete,get,list,watch core pods
        read storage.k8s.io storageclasses
        list,watch core nodes
        watch core events
        get core services
    """,
    "pod-garbage-collector": """
        delete,list,watch core pods
        read core nodes
        patch core pods/status
    """,
    "pv-protection-controller": """
        get,list,update,watch core persistentvolumes
    """,
    "pvc-protection-controller": """
        get,list,update,watch core persistentvolumeclaims
        get,list,watch core pods
    """,
    "replicaset-controller": """
        get,list,update,watch apps,extensions replicasets
        update apps,extensions replicasets/status
        update apps,extensions replicasets/finalizers
        create,delete,list,patch,watch core pods
    """,
    "replication-controller": """
        get,list,update,watch core replicationcontrollers
        update core replicationcontrollers/status
        update core replicationcontrollers/finalizers
        create,delete,list,patch,watch core pods
    """,
    "resource-claim-controller": """
        update core pods/finalizers
        read core pods
        create,delete,get,list,watch resource.k8s.io resourceclaims
        patch,update resource.k8s.io resourceclaims,resourceclaims/status
        patch,update core pods/status
    """,
    "resourcequota-controller": """
        list,watch * *
        update core resourcequotas/status
    """,
    "root-ca-cert-publisher": """
        create,update core configmaps
    """,
    "route-controller": """
        list,watch core nodes
        patch core nodes/status
    """,
    "selinux-warning-controller": """
        read core persistentvolumeclaims,persistentvolumes,pods
        read storage.k8s.io csidrivers
    """,
    "service-account-controller": """
        create core serviceaccounts
    """,
    "service-cidrs-controller": """
        get,list,patch,update,watch networking.k8s.io servicecidrs
        patch,update networking.k8s.io servicecidrs/finalizers,servicecidrs/status
        read networking.k8s.io ipaddresses
    """,
    "service-controller": """
        read core services
        patch,update core services/status
        list,watch core nodes
    """,
    "statefulset-controller": """
        list,watch core pods
        read apps statefulsets
        update apps statefulsets/status
        update apps statefulsets/finalizers
        create,delete,get,patch,update core pods
        create,delete,get,list,patch,update,watch apps controllerrevisions
        create,get,list,watch core persistentvolumeclaims
        delete,update core persistentvolumeclaims
        update core pods/finalizers
    """,
    "storage-version-migrator-controller": """
        create,list,patch,watch * *
        update storagemigration.k8s.io storageversionmigrations/status
    """,
    "ttl-after-finished-controller": """
        delete,get,list,watch batch jobs
    """,
    "ttl-controller": """
        list,patch,update,watch core nodes
    """,
    "validatingadmissionpolicy-status-controller": """
        read admissionregistration.k8s.io validatingadmissionpolicies
        get,patch,update admissionregistration.k8s.io validatingadmissionpolicies/status
    """,
    "volumeattributesclass-protection-controller": """
        get,list,update,watch storage.k8s.io volumeattributesclasses
        read core persistentvolumeclaims,persistentvolumes
    """,
}  # fmt: skip

_SILENT = {
    "clusterrole-aggregation-controller",
    "legacy-service-account-token-cleaner",
    "namespace-controller",
    "pod-garbage-collector",
    "storage-version-migrator-controller",
}
"""Those that tell nobody."""

CLUSTER_ROLES = {
    name: rules(text.strip() if name in _SILENT else f"{text.strip()}\n{_EVENTS}") for name, text in _RULES.items()
}
"""By the controller's name, without the prefix `system:controller:`."""
