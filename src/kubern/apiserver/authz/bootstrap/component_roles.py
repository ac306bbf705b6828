"""The ClusterRoles for the programs of a cluster: nodes, scheduler, controller manager, proxy, DNS and what asks the apiserver for them.

Controllers have roles of their own, see `controller_roles`.
"""

from __future__ import annotations

from kubern.apiserver.authz.bootstrap.notation import rules

NODE_RULES = rules("""
    create authentication.k8s.io tokenreviews
    create authorization.k8s.io localsubjectaccessreviews,subjectaccessreviews
    read core services
    create,get,list,watch core nodes
    patch,update core nodes/status
    patch,update core nodes
    create,patch,update core events
    read core pods
    create,delete core pods
    patch,update core pods/status
    create core pods/eviction
    read core configmaps,secrets
    get core persistentvolumeclaims,persistentvolumes
    get core endpoints
    create,get,list,watch certificates.k8s.io certificatesigningrequests
    create,delete,get,patch,update coordination.k8s.io leases
    get storage.k8s.io volumeattachments
    create core serviceaccounts/token
    get,patch,update core persistentvolumeclaims/status
    read storage.k8s.io csidrivers
    create,delete,get,patch,update storage.k8s.io csinodes
    read node.k8s.io runtimeclasses
    get resource.k8s.io resourceclaims
    create,delete,deletecollection,get,list,patch,update,watch resource.k8s.io resourceslices
""")

CLUSTER_ROLES = {
    "system:node": NODE_RULES,
    "system:node-proxier": rules("""
        read core endpoints,services
        get,list,watch core nodes
        create,patch,update core,events.k8s.io events
        read discovery.k8s.io endpointslices
        read networking.k8s.io servicecidrs
    """),
    "system:node-problem-detector": rules("""
        get core nodes
        patch core nodes/status
        create,patch,update core,events.k8s.io events
    """),
    "system:node-bootstrapper": rules("""
        create,get,list,watch certificates.k8s.io certificatesigningrequests
    """),
    "system:kubelet-api-admin": rules("""
        get,list,watch core nodes
        proxy core nodes
        * core nodes/log,nodes/metrics,nodes/proxy,nodes/stats
        get,create core nodes/configz,nodes/healthz,nodes/pods
    """),
    "system:kube-scheduler": rules("""
        create,patch,update core,events.k8s.io events
        create coordination.k8s.io leases
        get,list,update,watch coordination.k8s.io leases kube-scheduler
        create coordination.k8s.io leasecandidates
        delete,deletecollection,get,list,patch,update,watch coordination.k8s.io leasecandidates
        read core nodes
        delete,get,list,watch core pods
        create core bindings,pods/binding
        patch,update core pods/status
        read core replicationcontrollers,services
        read apps,extensions replicasets
        read apps statefulsets
        read policy poddisruptionbudgets
        read core persistentvolumeclaims,persistentvolumes
        create authentication.k8s.io tokenreviews
        create authorization.k8s.io subjectaccessreviews
        read storage.k8s.io csinodes
        read core namespaces
        read storage.k8s.io csidrivers,csistoragecapacities,volumeattachments
        read resource.k8s.io deviceclasses,resourceclaims,resourceslices
        patch,update resource.k8s.io resourceclaims,resourceclaims/status
    """),
    "system:volume-scheduler": rules("""
        get,list,patch,update,watch core persistentvolumes
        read storage.k8s.io storageclasses
        get,list,patch,update,watch core persistentvolumeclaims
    """),
    "system:kube-controller-manager": rules("""
        create,patch,update core,events.k8s.io events
        create coordination.k8s.io leases
        get,list,update,watch coordination.k8s.io leases kube-controller-manager
        create coordination.k8s.io leasecandidates
        delete,deletecollection,get,list,patch,update,watch coordination.k8s.io leasecandidates
        create core secrets,serviceaccounts
        delete core secrets
        get core configmaps,namespaces,secrets,serviceaccounts
        update core secrets,serviceaccounts
        create authentication.k8s.io tokenreviews
        create authorization.k8s.io subjectaccessreviews
        create core serviceaccounts/token
        list,watch * *
    """),
    "system:kube-dns": rules("""
        list,watch core endpoints,services
    """),
    "system:coredns": rules("""
        list,watch core endpoints,namespaces,pods,services
        list,watch discovery.k8s.io endpointslices
    """),
    "system:auth-delegator": rules("""
        create authentication.k8s.io tokenreviews
        create authorization.k8s.io subjectaccessreviews
    """),
    "system:kube-aggregator": rules("""
        read core endpoints,services
    """),
    "system:persistent-volume-provisioner": rules("""
        create,delete,get,list,watch core persistentvolumes
        get,list,update,watch core persistentvolumeclaims
        read storage.k8s.io storageclasses
        watch core events
        create,patch,update core,events.k8s.io events
    """),
    "system:heapster": rules("""
        read core events,namespaces,nodes,pods
        read extensions deployments
    """),
    "system:service-account-issuer-discovery": rules("""
        get url /.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/
    """),
    "system:certificates.k8s.io:certificatesigningrequests:nodeclient": rules("""
        create certificates.k8s.io certificatesigningrequests/nodeclient
    """),
    "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient": rules("""
        create certificates.k8s.io certificatesigningrequests/selfnodeclient
    """),
    "system:certificates.k8s.io:legacy-unknown-approver": rules("""
        approve certificates.k8s.io signers kubernetes.io/legacy-unknown
    """),
    "system:certificates.k8s.io:kubelet-serving-approver": rules("""
        approve certificates.k8s.io signers kubernetes.io/kubelet-serving
    """),
    "system:certificates.k8s.io:kube-apiserver-client-approver": rules("""
        approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client
    """),
    "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver": rules("""
        approve certificates.k8s.io signers kubernetes.io/kube-apiserver-client-kubelet
    """),
}
