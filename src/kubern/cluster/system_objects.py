"""The objects that every cluster has besides what the apiserver makes itself: the DNS Service and its address, the default class."""

from __future__ import annotations

import ipaddress

from kubern.base.json import Obj

DNS_NAME = "kube-dns"
DNS_NAMESPACE = "kube-system"
DNS_PORT = 53


def dns_address(service_cidr: str) -> str:
    """Return the cluster DNS's address: the tenth of the Service range, as everywhere."""
    return str(ipaddress.ip_network(service_cidr)[10])


def dns_service(service_cidr: str) -> Obj:
    """Return the Service `kube-dns`. It has no selector: the server is part of the control plane, see `dns_endpoints`."""
    labels = {"k8s-app": DNS_NAME, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"}
    address = dns_address(service_cidr)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": DNS_NAME, "namespace": DNS_NAMESPACE, "labels": labels},
        "spec": {
            "clusterIP": address,
            "clusterIPs": [address],
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": DNS_PORT},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": DNS_PORT},
            ],
        },
    }


def dns_endpoints(address: str) -> Obj:
    """Return the EndpointSlice that points the DNS Service to the server's address."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": DNS_NAME,
            "namespace": DNS_NAMESPACE,
            "labels": {
                "kubernetes.io/service-name": DNS_NAME,
                "endpointslice.kubernetes.io/managed-by": "dns.kubern.io",
            },
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True, "serving": True, "terminating": False}}],
        "ports": [
            {"name": "dns", "port": DNS_PORT, "protocol": "UDP"},
            {"name": "dns-tcp", "port": DNS_PORT, "protocol": "TCP"},
        ],
    }


def default_class() -> Obj:
    """Return the StorageClass for claims that name none: a directory of the node that their first pod comes to."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubern.io/local",
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
    }
