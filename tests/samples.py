"""One sound object of every resource, without what every object has: `apiVersion`, `kind`, `metadata`."""

from __future__ import annotations

import base64
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

LABELS = {"app": "web"}
POD = {"containers": [{"name": "c", "image": "busybox:1"}]}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
WORKLOAD = {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}
RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
ADMISSION_RULE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
MATCH = {"resourceRules": [ADMISSION_RULE]}
WEBHOOK = {
    "name": "check.example.com",
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
    "rules": [ADMISSION_RULE],
    "clientConfig": {"service": {"name": "s", "namespace": "default"}},
}
CLAIM = {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}]}}


def _request() -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "jane")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    signed = request.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return base64.b64encode(signed.public_bytes(serialization.Encoding.PEM)).decode()


SAMPLES: dict[str, Any] = {
    "apps deployments": {"spec": WORKLOAD},
    "apps replicasets": {"spec": WORKLOAD},
    "apps daemonsets": {"spec": WORKLOAD},
    "apps statefulsets": {
        "spec": WORKLOAD
        | {
            "serviceName": "web",
            "volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {"accessModes": ["ReadWriteOnce"]}}],
        }
    },
    "apps controllerrevisions": {"data": {}, "revision": 1},
    "batch jobs": {"spec": {"template": {"spec": POD | {"restartPolicy": "Never"}}}},
    "batch cronjobs": {
        "spec": {
            "schedule": "*/5 * * * *",
            "timeZone": "Etc/UTC",
            "jobTemplate": {"spec": {"template": {"spec": POD | {"restartPolicy": "OnFailure"}}}},
        }
    },
    "policy poddisruptionbudgets": {"spec": {"minAvailable": "50%", "selector": {"matchLabels": LABELS}}},
    "discovery.k8s.io endpointslices": {
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"]}],
        "ports": [{"name": "http", "port": 80}],
    },
    "networking.k8s.io ingresses": {
        "spec": {
            "rules": [
                {
                    "host": "*.example.com",
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "web", "port": {"number": 80}}},
                            }
                        ]
                    },
                }
            ]
        }
    },
    "networking.k8s.io ingressclasses": {
        "spec": {"controller": "example.com/ingress", "parameters": {"kind": "P", "name": "p"}}
    },
    "networking.k8s.io networkpolicies": {
        "spec": {
            "podSelector": {"matchLabels": LABELS},
            "ingress": [
                {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}], "ports": [{"port": 80}]}
            ],
        }
    },
    "networking.k8s.io ipaddresses": {
        "metadata": {"name": "10.96.77.7"},
        "spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "kubernetes"}},
    },
    "networking.k8s.io servicecidrs": {"spec": {"cidrs": ["10.96.0.0/12", "fd00::/108"]}},
    "rbac.authorization.k8s.io roles": {"rules": [RULE]},
    "rbac.authorization.k8s.io clusterroles": {"rules": [RULE, {"nonResourceURLs": ["/healthz"], "verbs": ["get"]}]},
    "rbac.authorization.k8s.io rolebindings": {
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "jane"}, {"kind": "ServiceAccount", "name": "a", "namespace": "default"}],
    },
    "rbac.authorization.k8s.io clusterrolebindings": {"roleRef": {"kind": "ClusterRole", "name": "r"}},
    "storage.k8s.io storageclasses": {"provisioner": "example.com/disk"},
    "storage.k8s.io csidrivers": {"spec": {}},
    "storage.k8s.io csinodes": {"spec": {"drivers": [{"name": "d.example.com", "nodeID": "n1"}]}},
    "storage.k8s.io csistoragecapacities": {"storageClassName": "fast", "capacity": "1Gi"},
    "storage.k8s.io volumeattachments": {
        "spec": {"attacher": "d", "nodeName": "n1", "source": {"persistentVolumeName": "pv"}}
    },
    "storage.k8s.io volumeattributesclasses": {"driverName": "d.example.com", "parameters": {"iops": "100"}},
    "scheduling.k8s.io priorityclasses": {"value": 1000},
    "coordination.k8s.io leases": {"spec": {"holderIdentity": "n1", "leaseDurationSeconds": 40}},
    "autoscaling horizontalpodautoscalers": {
        "spec": {
            "maxReplicas": 5,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "behavior": {"scaleUp": {"stabilizationWindowSeconds": 10}},
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
                },
                {
                    "type": "Resource",
                    "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}},
                },
                {
                    "type": "Pods",
                    "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "10"}},
                },
                {
                    "type": "Object",
                    "object": {
                        "describedObject": {"apiVersion": "v1", "kind": "Service", "name": "web"},
                        "metric": {"name": "rps", "selector": {"matchLabels": {"a": "b"}}},
                        "target": {"type": "Value", "value": "100"},
                    },
                },
                {
                    "type": "External",
                    "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "30"}},
                },
            ],
        },
        "status": {
            "currentReplicas": 2,
            "conditions": [{"type": "AbleToScale", "status": "True"}],
            "currentMetrics": [
                {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 42}}}
            ],
        },
    },
    "certificates.k8s.io certificatesigningrequests": {
        "spec": {
            "request": _request(),
            "usages": ["client auth"],
            "signerName": "kubernetes.io/kube-apiserver-client",
            "expirationSeconds": 3600,
        }
    },
    "certificates.k8s.io clustertrustbundles": {"spec": {"trustBundle": "-----BEGIN CERTIFICATE-----"}},
    "node.k8s.io runtimeclasses": {"handler": "runsc"},
    "apiregistration.k8s.io apiservices": {
        "metadata": {"name": "v1.aggregated.example.com"},
        "spec": {
            "group": "aggregated.example.com",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 10,
            "service": {"name": "s", "namespace": "default"},
        },
    },
    "apiextensions.k8s.io customresourcedefinitions": {
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
            ],
        },
    },
    "flowcontrol.apiserver.k8s.io flowschemas": {
        "spec": {
            "priorityLevelConfiguration": {"name": "global-default"},
            "rules": [
                {
                    "subjects": [{"kind": "User", "user": {"name": "*"}}],
                    "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                }
            ],
        }
    },
    "flowcontrol.apiserver.k8s.io prioritylevelconfigurations": {
        "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}
    },
    "admissionregistration.k8s.io validatingwebhookconfigurations": {"webhooks": [WEBHOOK]},
    "admissionregistration.k8s.io mutatingwebhookconfigurations": {"webhooks": [WEBHOOK]},
    "admissionregistration.k8s.io validatingadmissionpolicies": {
        "spec": {"matchConstraints": MATCH, "validations": [{"expression": "true"}]}
    },
    "admissionregistration.k8s.io mutatingadmissionpolicies": {
        "spec": {
            "matchConstraints": MATCH,
            "reinvocationPolicy": "Never",
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}],
        }
    },
    "admissionregistration.k8s.io validatingadmissionpolicybindings": {
        "spec": {"policyName": "p", "validationActions": ["Deny"], "matchResources": MATCH}
    },
    "admissionregistration.k8s.io mutatingadmissionpolicybindings": {"spec": {"policyName": "p"}},
    "resource.k8s.io deviceclasses": {"spec": {"selectors": [{"cel": {"expression": "true"}}]}},
    "resource.k8s.io resourceclaims": {"spec": CLAIM},
    "resource.k8s.io resourceclaimtemplates": {"spec": {"spec": CLAIM}},
    "resource.k8s.io resourceslices": {
        "spec": {
            "driver": "d.example.com",
            "pool": {"name": "p", "resourceSliceCount": 1},
            "nodeName": "n1",
            "devices": [{"name": "d0", "attributes": {}}],
        }
    },
    "events.k8s.io events": {
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingComponent": "example.com/c",
        "reportingInstance": "c-1",
        "action": "Start",
        "reason": "Started",
        "message": "m",
        "type": "Normal",
    },
}
"""Of the named groups, by group and plural."""

CORE: dict[str, Any] = {
    "configmaps": {"data": {"a": "b"}, "binaryData": {"c": "ZA=="}},
    "endpoints": {"subsets": [{"addresses": [{"ip": "192.0.2.1"}], "ports": [{"name": "web", "port": 80}]}]},
    "events": {"involvedObject": {"kind": "Pod", "name": "p"}, "reason": "Started", "message": "m", "type": "Normal"},
    "limitranges": {"spec": {"limits": [{"type": "Container", "max": {"cpu": "2"}, "default": {"cpu": "1"}}]}},
    "namespaces": {"spec": {"finalizers": ["kubernetes"]}},
    "nodes": {"spec": {"podCIDR": "192.0.2.0/24", "taints": [{"key": "k", "value": "v", "effect": "NoSchedule"}]}},
    "persistentvolumeclaims": {
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    },
    "persistentvolumes": {
        "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/d"}}
    },
    "pods": {
        "spec": {
            "initContainers": [{"name": "first", "image": "busybox:1", "restartPolicy": "Always"}],
            "containers": [
                {
                    "name": "c",
                    "image": "busybox:1",
                    "command": ["sleep", "1"],
                    "env": [
                        {"name": "A", "value": "b"},
                        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    ],
                    "ports": [{"containerPort": 80, "hostPort": 8080}],
                    "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
                    "readinessProbe": {"httpGet": {"port": 80, "path": "/"}, "periodSeconds": 3},
                    "lifecycle": {"preStop": {"exec": {"command": ["true"]}}},
                    "securityContext": {"runAsUser": 1, "capabilities": {"drop": ["ALL"]}},
                    "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "s"}],
                }
            ],
            "volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "c"}}]}}],
            "tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3}],
            "topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}
            ],
            "affinity": {
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        {"topologyKey": "zone", "labelSelector": {"matchLabels": LABELS}}
                    ]
                }
            },
            "securityContext": {"fsGroup": 1, "sysctls": [{"name": "kernel.shm_rmid_forced", "value": "1"}]},
            "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["a"]}],
            "dnsConfig": {"nameservers": ["192.0.2.2"], "options": [{"name": "ndots", "value": "2"}]},
        }
    },
    "podtemplates": {"template": TEMPLATE},
    "replicationcontrollers": {"spec": {"replicas": 1, "selector": LABELS, "template": TEMPLATE}},
    "resourcequotas": {"spec": {"hard": {"pods": "5"}, "scopes": ["Terminating"]}},
    "secrets": {"type": "Opaque", "data": {"a": "Yg=="}, "stringData": {"c": "d"}},
    "serviceaccounts": {"secrets": [{"name": "s"}], "imagePullSecrets": [{"name": "i"}]},
    "services": {
        "spec": {
            "type": "LoadBalancer",
            "selector": LABELS,
            "ports": [{"name": "web", "port": 80, "targetPort": "http"}],
            "sessionAffinity": "ClientIP",
        }
    },
}
"""Of the core group, by plural."""
