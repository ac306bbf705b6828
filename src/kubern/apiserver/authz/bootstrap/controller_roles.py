"""One ClusterRole a controller, `system:controller:NAME`, bound to the service account NAME in kube-system.

Each may also write events, which is not repeated here. Names and rights are upstream's (`--use-service-account-credentials`).
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
        delete,list core pods
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
        list,watch core pods
        patch core pods/status
        get * */scale
    """,
    "endpoint-controller": """
        read core pods,services
        create,delete,get,list,update core endpoints
        create core endpoints/restricted
    """,
    "endpointslice-controller": """
        read core nodes,pods,services
        update core services/finalizers
        create,delete,get,list,update discovery.k8s.io endpointslices
        create discovery.k8s.io endpointslices/restricted
    """,
    "endpointslicemirroring-controller": """
        read core endpoints,services
        update core services/finalizers
        update core endpoints/finalizers
        create,delete,get,list,update discovery.k8s.io endpointslices
        create discovery.k8s.io endpointslices/restricted
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
        read storage.k8s.io storageclasses
    """,
    "generic-garbage-collector": """
        delete,get,list,patch,update,watch * *
    """,
    "horizontal-pod-autoscaler": """
        read autoscaling horizontalpodautoscalers
        update autoscaling horizontalpodautoscalers/status
        get,update * */scale
        list core pods
        list metrics.k8s.io pods
        get,list custom.metrics.k8s.io *
        get,list external.metrics.k8s.io *
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
        delete,deletecollection,get,list * *
    """,
    "node-controller": """
        delete,get,list,patch,update core nodes
        patch,update core nodes/status
        patch,update core pods/status
        delete,get,list core pods
        get networking.k8s.io clustercidrs
    """,
    "persistent-volume-binder": """
        create,delete,get,list,update,watch core persistentvolumes
        update core persistentvolumes/status
        get,list,update,watch core persistentvolumeclaims
        update core persistentvolumeclaims/status
        create,delete,get,list,watch core pods
        read storage.k8s.io storageclasses
        create,delete,get,update core endpoints,services
        get,list core secrets
        get,list core nodes
        watch core events
    """,
    "pod-garbage-collector": """
        delete,list,watch core pods
        get,list core nodes
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
        read resource.k8s.io resourceclaimtemplates
        patch,update resource.k8s.io resourceclaims,resourceclaims/status
        patch core pods/status
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
        create,get core persistentvolumeclaims
        delete,get,list,patch,update,watch core persistentvolumeclaims
    """,
    "storage-version-migrator-controller": """
        get,list,patch,update * *
        patch,update storagemigration.k8s.io storageversionmigrations/status
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

CLUSTER_ROLES = {name: rules(f"{text.strip()}\n{_EVENTS}") for name, text in _RULES.items()}
"""By the controller's name, without the prefix `system:controller:`."""
