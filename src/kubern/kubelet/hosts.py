"""The text of a pod's /etc/hosts. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kubern.base.json import Obj
from kubern.kubelet.podspec import host_network, hostname

_HEADER = "# Kubernetes-managed hosts file.\n"
_HEADER_HOST = "# Kubernetes-managed hosts file (host network).\n"
_LOCAL = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)


def hosts_file(pod: Obj, ips: Sequence[str], domain: str, node_hosts: str) -> str:
    """Return the file: the pod's own name and its hostAliases; with the node's network, the node's file and the aliases."""
    if host_network(pod):
        text = _HEADER_HOST + node_hosts
    else:
        name, of = hostname(pod, domain)
        names = f"{name}.{of}\t{name}" if of else name
        text = _HEADER + _LOCAL + "".join(f"{ip}\t{names}\n" for ip in ips)
    aliases = pod["spec"].get("hostAliases") or ()
    if aliases:
        text += "\n# Entries added by HostAliases.\n"
        text += "".join("\t".join((alias["ip"], *(alias.get("hostnames") or ()))) + "\n" for alias in aliases)
    return text
