"""The files a node is started from, as pure text: containerd's configuration, CNI's, and the script of the node's first process.

Facts behind the settings are in docs/nodes.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from shlex import join, quote

from kubern.cluster.fabric import NodeAddress
from kubern.cluster.layout import CONTAINERD_SOCKET, NodeLayout

_UNUSED_PLUGINS = (
    "snapshotter.v1.aufs", "snapshotter.v1.btrfs", "snapshotter.v1.devmapper", "snapshotter.v1.zfs",
    "internal.v1.opt", "internal.v1.tracing", "tracing.processor.v1.otlp",
)  # fmt: skip
PAUSE_IMAGE = "localhost/kubern/pause:1"


def containerd_config(node: NodeLayout, address: NodeAddress) -> str:
    """Return containerd's config.toml for one node: its own root, its own CNI folder, streams served on the node's address."""
    disabled = ", ".join(f'"io.containerd.{plugin}"' for plugin in _UNUSED_PLUGINS)
    return f"""version = 2
root = "{node.containerd}"
state = "/run/containerd"
disabled_plugins = [{disabled}]

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  stream_server_address = "{address.address}"
  stream_server_port = "10010"
  netns_mounts_under_state_dir = true
  # a machine without CAP_SYS_RESOURCE cannot lower a score, and runc dies trying
  restrict_oom_score_adj = true
  max_concurrent_downloads = 3
  # devices that drivers prepared; containerd 1.6 does not know it, 2 needs no word
  enable_cdi = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{node.cni}"

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{node.config}/registries"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      Root = "/run/runc"
"""


def cni_config(node: NodeLayout, address: NodeAddress) -> str:
    """Return the CNI plug-in chain of one node: a bridge with the node's pod range, then host ports."""
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        # a pod that calls its own service gets its own packet back through the port it sent it by
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": "/run/cni-addresses",
            "ranges": [[{"subnet": address.pod_cidr}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}, "snat": False}
    return json.dumps({"cniVersion": "1.0.0", "name": "kubern", "plugins": [bridge, portmap]}, indent=2)


def init_script(name: str, node: NodeLayout, agent: Sequence[str], resolv_conf: str) -> str:
    """Return the shell script that is process 1 of a node.

    It gives the node a /proc and a /run of its own, so that nothing it mounts or links there is ever seen outside, and keeps
    containerd and the node's agent running: each is started again a fifth of a second after it ends. TERM ends the node as a shutdown does:
    every process is asked; those that heed it (SigCgt in /proc has TERM's bit) are given a few seconds; then all are gone with process 1.
    """
    containerd = ["containerd", "--config", str(node.config / "containerd.toml"), "--log-level", "warn"]
    return f"""set -u
mount -t proc proc /proc
resolv=$(readlink -f /etc/resolv.conf)
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/containerd /run/netns "$(dirname "$resolv")"
[ -e "$resolv" ] || : > "$resolv"
mount -t tmpfs -o mode=755 tmpfs /var/lib/cni
printf '%s\\n' {quote(resolv_conf)} > /run/kubern-resolv.conf
mount --bind /run/kubern-resolv.conf "$resolv"
hostname {quote(name)}
export GRPC_ENABLE_FORK_SUPPORT=false
keep() {{
  log=$1; shift
  while :; do
    "$@" >> "$log" 2>&1
    sleep 0.2
  done
}}
shutdown() {{
  trap '' TERM
  kill -TERM -1
  n=0
  while [ $n -lt 30 ] && grep -qE '^SigCgt:.*[4-7c-f][0-9a-f]{{3}}$' /proc/[0-9]*/status 2> /dev/null; do
    sleep 0.1; n=$((n+1))
  done
  exit 0
}}
trap shutdown TERM
keep {quote(str(node.logs / "containerd.log"))} {join(containerd)} &
keep {quote(str(node.logs / "agent.log"))} {join(agent)} &
while :; do wait; done
"""
