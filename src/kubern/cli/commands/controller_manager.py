"""`kubern controller-manager`: the controllers as a program of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from kubern.cli.command import Command
from kubern.cli.flags import Option
from kubern.cli.options import LeaderElection, SecurePort, takes

PROGRAM = "kube-controller-manager"
SECURE_PORT = 10257


@takes(election=LeaderElection, port=SecurePort)
def run(
    election: LeaderElection,
    port: SecurePort,
    flags: Mapping[str, object],
    kubeconfig: Annotated[Path, Option(help="How to reach the apiserver.")],
    controllers: Annotated[
        str, Option(help="Comma-separated: '*' for all, 'NAME' for one, '-NAME' for all but one.")
    ] = "*",
    root_ca_file: Annotated[
        Path | None, Option(help="Certificate authority that every namespace gets a copy of for its pods.")
    ] = None,
    cluster_cidr: Annotated[str, Option(help="Range of the pods' addresses.")] = "10.244.0.0/16",
    allocate_node_cidrs: Annotated[bool, Option(help="Give every node a part of the cluster's range.")] = True,
    node_cidr_mask_size: Annotated[int, Option(help="Prefix length of a node's part.")] = 24,
    node_monitor_grace_period: Annotated[
        str, Option(help="How long a node may be silent before it counts as not ready.")
    ] = "50s",
    node_startup_grace_period: Annotated[
        str, Option(help="The same for a node whose kubelet has not reported yet.")
    ] = "1m0s",
    node_eviction_rate: Annotated[
        float, Option(help="How many nodes of a healthy zone lose their pods a second when they are silent.")
    ] = 0.1,
    secondary_node_eviction_rate: Annotated[
        float, Option(help="How many of a large zone that is unhealthy; of a smaller one none do.")
    ] = 0.01,
    large_cluster_size_threshold: Annotated[int, Option(help="With more nodes than this a zone is large.")] = 50,
    unhealthy_zone_threshold: Annotated[
        float, Option(help="From this share of its nodes on, three at least, that are not ready a zone is unhealthy.")
    ] = 0.55,
    terminated_pod_gc_threshold: Annotated[int, Option(help="How many ended pods are kept; 0 keeps all.")] = 12500,
    service_account_private_key_file: Annotated[
        Path | None,
        Option(help="Key that signs the tokens of Secrets of type kubernetes.io/service-account-token."),
    ] = None,
    legacy_service_account_token_clean_up_period: Annotated[
        str, Option(help="How long such a token, made for an account by itself, is kept without being used.")
    ] = "8760h0m0s",
    cluster_signing_cert_file: Annotated[
        Path | None, Option(help="Certificate authority that signs for all of Kubernetes' own signers.")
    ] = None,
    cluster_signing_key_file: Annotated[Path | None, Option(help="Its key.")] = None,
    cluster_signing_kubelet_serving_cert_file: Annotated[
        Path | None, Option(help="The one for kubernetes.io/kubelet-serving alone.")
    ] = None,
    cluster_signing_kubelet_serving_key_file: Annotated[Path | None, Option(help="Its key.")] = None,
    cluster_signing_kubelet_client_cert_file: Annotated[
        Path | None, Option(help="The one for kubernetes.io/kube-apiserver-client-kubelet alone.")
    ] = None,
    cluster_signing_kubelet_client_key_file: Annotated[Path | None, Option(help="Its key.")] = None,
    cluster_signing_kube_apiserver_client_cert_file: Annotated[
        Path | None, Option(help="The one for kubernetes.io/kube-apiserver-client alone.")
    ] = None,
    cluster_signing_kube_apiserver_client_key_file: Annotated[Path | None, Option(help="Its key.")] = None,
    cluster_signing_legacy_unknown_cert_file: Annotated[
        Path | None, Option(help="The one for kubernetes.io/legacy-unknown alone.")
    ] = None,
    cluster_signing_legacy_unknown_key_file: Annotated[Path | None, Option(help="Its key.")] = None,
    cluster_signing_duration: Annotated[str, Option(help="The longest that a certificate lasts.")] = "8760h0m0s",
    horizontal_pod_autoscaler_sync_period: Annotated[
        str, Option(help="How often the replicas of autoscaled targets are looked at.")
    ] = "15s",
    horizontal_pod_autoscaler_downscale_stabilization: Annotated[
        str, Option(help="How far back the highest recommendation counts before replicas are taken away.")
    ] = "5m0s",
    horizontal_pod_autoscaler_tolerance: Annotated[
        float, Option(help="How far usage may be from its target before anything is done.")
    ] = 0.1,
    horizontal_pod_autoscaler_cpu_initialization_period: Annotated[
        str, Option(help="How long after its start a pod's CPU may be left out.")
    ] = "5m0s",
    horizontal_pod_autoscaler_initial_readiness_delay: Annotated[
        str, Option(help="Changes of readiness this soon after a pod's start are its first readiness.")
    ] = "30s",
    use_service_account_credentials: Annotated[
        bool, Option(help="Let each controller act as a service account of its own in kube-system.")
    ] = False,
    local_volume_path: Annotated[
        Path, Option(help="Where local-volume-provisioner, if it is named, keeps volumes on each node.")
    ] = Path("/var/lib/kubern/volumes"),
    leader_elect: Annotated[bool, Option(help="Work only while holding the Lease kube-controller-manager.")] = True,
    v: Annotated[int, Option("-v", "--v", help="Log level: 2 and more says what is done, 4 and more everything.")] = 2,
) -> None:
    """Run the controllers, for any Kubernetes API server."""
    from kubern.base.clock import Clock
    from kubern.base.duration import parse_duration
    from kubern.base.introspection import Introspection
    from kubern.cli.failure import failures_said
    from kubern.cli.served import Program, run_served
    from kubern.client.accounts import AccountClients
    from kubern.client.client import ApiClient
    from kubern.client.contract import Client
    from kubern.client.kubeconfig import load
    from kubern.client.transport_https import HttpsTransport
    from kubern.controllers.autoscaling.model import Settings
    from kubern.controllers.cache import Options
    from kubern.controllers.certificates.files import read_authorities
    from kubern.controllers.certificates.signers import CLIENT, KUBELET_CLIENT, KUBELET_SERVING, LEGACY
    from kubern.controllers.runner import LEASE, AsAccount, run_controllers, run_elected
    from kubern.controllers.zones import EvictionRates

    with failures_said():
        authorities = read_authorities(
            (cluster_signing_cert_file, cluster_signing_key_file),
            {
                KUBELET_SERVING: (cluster_signing_kubelet_serving_cert_file, cluster_signing_kubelet_serving_key_file),
                KUBELET_CLIENT: (cluster_signing_kubelet_client_cert_file, cluster_signing_kubelet_client_key_file),
                CLIENT: (
                    cluster_signing_kube_apiserver_client_cert_file,
                    cluster_signing_kube_apiserver_client_key_file,
                ),
                LEGACY: (cluster_signing_legacy_unknown_cert_file, cluster_signing_legacy_unknown_key_file),
            },
            parse_duration(cluster_signing_duration),
        )
        lease = election.settings(LEASE)
        autoscaling = Settings(
            float(parse_duration(horizontal_pod_autoscaler_sync_period)),
            float(parse_duration(horizontal_pod_autoscaler_downscale_stabilization)),
            horizontal_pod_autoscaler_tolerance,
            float(parse_duration(horizontal_pod_autoscaler_cpu_initialization_period)),
            float(parse_duration(horizontal_pod_autoscaler_initial_readiness_delay)),
        )
        grace = float(parse_duration(node_monitor_grace_period))
        startup_grace = float(parse_duration(node_startup_grace_period))
        rates = EvictionRates(
            node_eviction_rate, secondary_node_eviction_rate, large_cluster_size_threshold, unhealthy_zone_threshold
        )
        legacy_period = parse_duration(legacy_service_account_token_clean_up_period)
        key_file = service_account_private_key_file
        service_account_key = key_file.read_text() if key_file else ""
    options = Options(
        node_monitor_grace_period=grace,
        node_startup_grace_period=startup_grace,
        eviction_rates=rates,
        terminated_pod_gc_threshold=terminated_pod_gc_threshold,
        cluster_cidr=cluster_cidr,
        node_cidr_mask_size=node_cidr_mask_size,
        allocate_node_cidrs=allocate_node_cidrs,
        root_ca=root_ca_file.read_text() if root_ca_file else "",
        authorities=authorities,
        service_account_key=service_account_key,
        legacy_token_clean_up_period=legacy_period,
        autoscaling=autoscaling,
        local_volume_path=str(local_volume_path),
    )
    names = tuple(filter(None, controllers.split(",")))

    async def run_as(client: Client, clock: Clock, told: Introspection, as_account: AsAccount | None) -> None:
        if leader_elect:
            await run_elected(client, clock, names, options, lease, told, as_account)
        else:
            await run_controllers(client, clock, None, names, options, told, as_account)

    async def main(client: ApiClient, clock: Clock, told: Introspection) -> None:
        if not use_service_account_credentials:
            await run_as(client, clock, told, None)
            return
        transport = HttpsTransport(load(kubeconfig, anonymous=True), PROGRAM, client.transport.counts)
        try:
            await run_as(client, clock, told, AccountClients(client, transport, clock))
        finally:
            await transport.close()

    run_served(main, kubeconfig, v, Program(PROGRAM, port, SECURE_PORT, flags))


COMMAND = Command("controller-manager", run, group="Components")
