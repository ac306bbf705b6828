"""The ClusterRoles for people and for everybody who asks. Source: the Kubernetes documentation, "Using RBAC Authorization"."""

from __future__ import annotations

from kubern.apiserver.authz.bootstrap.notation import rules

CLUSTER_ROLES = {
    "cluster-admin": rules("""
        * * *
        * url *
    """),
    "system:discovery": rules("""
        get url /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/
    """),
    "system:public-info-viewer": rules("""
        get url /healthz,/livez,/readyz,/version,/version/
    """),
    "system:monitoring": rules("""
        get url /healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*
    """),
    "system:basic-user": rules("""
        create authorization.k8s.io selfsubjectaccessreviews,selfsubjectrulesreviews
        create authentication.k8s.io selfsubjectreviews
    """),
    "system:aggregate-to-admin": rules("""
        create authorization.k8s.io localsubjectaccessreviews
        read,write rbac.authorization.k8s.io rolebindings,roles
    """),
    "system:aggregate-to-edit": rules("""
        read core pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy
        impersonate core serviceaccounts
        write core pods,pods/attach,pods/exec,pods/portforward,pods/proxy
        create core pods/eviction
        write core configmaps,events,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,
            secrets,serviceaccounts,services,services/proxy
        create core serviceaccounts/token
        write apps daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,
            statefulsets,statefulsets/scale
        write autoscaling horizontalpodautoscalers
        write batch cronjobs,jobs
        write extensions daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,
            replicasets,replicasets/scale,replicationcontrollers/scale
        write policy poddisruptionbudgets
        write networking.k8s.io ingresses,networkpolicies
        read,write coordination.k8s.io leases
        write resource.k8s.io resourceclaims,resourceclaimtemplates
    """),
    "system:aggregate-to-view": rules("""
        read core configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,
            replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status
        read core bindings,events,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,
            resourcequotas,resourcequotas/status
        read core namespaces
        read discovery.k8s.io endpointslices
        read apps controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,
            replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status
        read autoscaling horizontalpodautoscalers,horizontalpodautoscalers/status
        read batch cronjobs,cronjobs/status,jobs,jobs/status
        read extensions daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,
            ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,
            replicationcontrollers/scale
        read policy poddisruptionbudgets,poddisruptionbudgets/status
        read networking.k8s.io ingresses,ingresses/status,networkpolicies
        read resource.k8s.io resourceclaims,resourceclaims/status,resourceclaimtemplates
    """),
}  # fmt: skip

AGGREGATED = {"admin": (), "edit": ("admin",), "view": ("edit",)}
"""The roles that are sums of others, each with the sums that it is part of itself."""
