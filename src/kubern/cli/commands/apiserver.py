"""`kubern apiserver`: the apiserver on its own, with upstream's flag names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from kubern.cli.command import Command
from kubern.cli.failure import failures_said
from kubern.cli.flags import Option


def run(
    tls_cert_file: Annotated[Path, Option(help="Serving certificate (PEM).")],
    tls_private_key_file: Annotated[Path, Option(help="Serving certificate's key (PEM).")],
    data_dir: Annotated[Path | None, Option(help="Where the embedded store keeps its files.")] = None,
    etcd_servers: Annotated[
        str,
        Option(help="Comma-separated URLs of an etcd v3 cluster that is used in place of the embedded store."),
    ] = "",
    etcd_cafile: Annotated[Path | None, Option(help="CA of the etcd members' certificates.")] = None,
    etcd_certfile: Annotated[Path | None, Option(help="Certificate shown to etcd.")] = None,
    etcd_keyfile: Annotated[Path | None, Option(help="Its key.")] = None,
    etcd_prefix: Annotated[str, Option(help="What all keys in etcd begin with.")] = "/registry",
    client_ca_file: Annotated[
        Path | None, Option(help="Clients with a certificate of this CA are authenticated.")
    ] = None,
    secure_port: Annotated[int, Option(help="Port to serve HTTPS on; 0 takes a free one and prints it.")] = 6443,
    bind_address: Annotated[str, Option(help="Address to serve on.")] = "0.0.0.0",
    advertise_address: Annotated[str, Option(help="Address that the cluster's members reach this server at.")] = "",
    service_cluster_ip_range: Annotated[
        str, Option(help="CIDR of the Services' addresses, or one of each IP family: CIDR,CIDR.")
    ] = "10.96.0.0/16",
    service_node_port_range: Annotated[str, Option(help="Ports of NodePort Services.")] = "30000-32767",
    runtime_config: Annotated[str, Option(help="key=true|false,…: API versions to switch on or off.")] = "",
    token_auth_file: Annotated[Path | None, Option(help="CSV of static tokens: token,user,uid,groups.")] = None,
    anonymous_auth: Annotated[bool, Option(help="Let requests without credentials in as system:anonymous.")] = True,
    enable_bootstrap_token_auth: Annotated[
        bool, Option(help="Take the tokens of Secrets of type bootstrap.kubernetes.io/token in kube-system.")
    ] = False,
    authorization_mode: Annotated[str, Option(help="Comma-separated: Node, RBAC, AlwaysAllow.")] = "RBAC",
    service_account_key_file: Annotated[
        list[Path] | None, Option(help="Keys that verify service account tokens.")
    ] = None,
    service_account_signing_key_file: Annotated[
        Path | None, Option(help="Key that signs service account tokens.")
    ] = None,
    service_account_issuer: Annotated[str, Option(help="Issuer of service account tokens.")] = (
        "https://kubernetes.default.svc.cluster.local"
    ),
    api_audiences: Annotated[str, Option(help="Audiences of tokens, comma-separated; empty: the issuer.")] = "",
    kubelet_client_certificate: Annotated[Path | None, Option(help="Certificate shown to kubelets.")] = None,
    kubelet_client_key: Annotated[Path | None, Option(help="Its key.")] = None,
    kubelet_certificate_authority: Annotated[Path | None, Option(help="CA of the kubelets' certificates.")] = None,
    requestheader_client_ca_file: Annotated[
        Path | None, Option(help="CA of the front proxies that say in headers for whom they ask.")
    ] = None,
    requestheader_allowed_names: Annotated[
        str, Option(help="Common names of front proxies, comma-separated; empty: any.")
    ] = "",
    requestheader_username_headers: Annotated[str, Option(help="Where they say the user.")] = "X-Remote-User",
    requestheader_uid_headers: Annotated[str, Option(help="Where they say its uid.")] = "X-Remote-Uid",
    requestheader_group_headers: Annotated[str, Option(help="Where they say its groups.")] = "X-Remote-Group",
    requestheader_extra_headers_prefix: Annotated[
        str, Option(help="How headers with more about it begin.")
    ] = "X-Remote-Extra-",
    proxy_client_cert_file: Annotated[Path | None, Option(help="Certificate shown to aggregated servers.")] = None,
    proxy_client_key_file: Annotated[Path | None, Option(help="Its key.")] = None,
    event_ttl: Annotated[str, Option(help="How long events are kept, e.g. 1h0m0s.")] = "1h0m0s",
    oidc_issuer_url: Annotated[str, Option(help="OpenID Connect provider whose ID tokens are taken.")] = "",
    oidc_client_id: Annotated[str, Option(help="The audience that its tokens must be for.")] = "",
    oidc_username_claim: Annotated[str, Option(help="The claim that is the user's name.")] = "sub",
    oidc_username_prefix: Annotated[str, Option(help="Put before it; `-`: nothing; empty: the issuer and #.")] = "",
    oidc_groups_claim: Annotated[str, Option(help="The claim that holds the user's groups.")] = "",
    oidc_groups_prefix: Annotated[str, Option(help="Put before each group.")] = "",
    oidc_ca_file: Annotated[Path | None, Option(help="CA of the provider; none: the machine's own.")] = None,
    oidc_signing_algs: Annotated[str, Option(help="Signatures to take, comma-separated.")] = "RS256",
    oidc_required_claim: Annotated[
        list[str] | None, Option(help="key=value that a token must state; may be given often.")
    ] = None,
    disable_admission_plugins: Annotated[str, Option(help="Admission plug-ins to leave out, comma-separated.")] = "",
    feature_gates: Annotated[str, Option(help="Name=true|false,…: features to switch on or off.")] = "",
    audit_policy_file: Annotated[
        Path | None, Option(help="Policy of the audit log: what is written of which requests.")
    ] = None,
    audit_log_path: Annotated[str, Option(help="The audit log's file; `-`: standard output.")] = "",
    audit_log_maxage: Annotated[int, Option(help="Days that old audit logs are kept; 0: for ever.")] = 0,
    audit_log_maxbackup: Annotated[int, Option(help="Old audit logs that are kept; 0: all.")] = 0,
    audit_log_maxsize: Annotated[int, Option(help="Megabytes of an audit log before it is put aside; 0: 100.")] = 0,
    audit_log_format: Annotated[str, Option(help="json or legacy.")] = "json",
    audit_webhook_config_file: Annotated[
        Path | None, Option(help="Kubeconfig of the server that audit events are posted to.")
    ] = None,
    audit_webhook_batch_buffer_size: Annotated[int, Option(help="Events that wait for it at most.")] = 10000,
    audit_webhook_batch_max_size: Annotated[int, Option(help="Events of one post at most.")] = 400,
    audit_webhook_batch_max_wait: Annotated[
        str, Option(help="How long a post that is not full is held back, e.g. 30s.")
    ] = "30s",
    audit_webhook_initial_backoff: Annotated[
        str, Option(help="How long to wait before the first retry, e.g. 10s.")
    ] = "10s",
    encryption_provider_config: Annotated[
        Path | None, Option(help="EncryptionConfiguration: which resources are encrypted in the store.")
    ] = None,
    encryption_provider_config_automatic_reload: Annotated[
        bool, Option(help="Take changes of that file over while running.")
    ] = False,
    enable_priority_and_fairness: Annotated[
        bool, Option(help="Queue requests fairly by FlowSchema; otherwise only limit those in flight.")
    ] = True,
    max_requests_inflight: Annotated[int, Option(help="Reading requests at one time; 0: no limit.")] = 400,
    max_mutating_requests_inflight: Annotated[
        int, Option(help="Changing requests at one time; 0: no limit. With priority and fairness: the sum.")
    ] = 200,
    request_timeout: Annotated[str, Option(help="How long a request may take, e.g. 1m0s.")] = "1m0s",
    profiling: Annotated[bool, Option(help="Serve /debug/pprof/ to those who are authorized for it.")] = True,
) -> None:
    """Serve the Kubernetes API over HTTPS."""
    from kubern.apiserver.authn.oidc import OidcSettings
    from kubern.apiserver.authn.request_header import RequestHeaderSettings
    from kubern.apiserver.command import (
        EtcdSettings,
        Listen,
        parse_claims,
        parse_duration,
        parse_feature_gates,
        parse_port_range,
        parse_runtime_config,
        run_apiserver,
    )
    from kubern.apiserver.config import Config
    from kubern.apiserver.options import parse_seconds

    with failures_said():
        oidc = None
        if oidc_issuer_url:
            oidc = OidcSettings(
                oidc_issuer_url,
                oidc_client_id,
                oidc_username_claim,
                oidc_username_prefix,
                oidc_groups_claim,
                oidc_groups_prefix,
                oidc_ca_file,
                tuple(filter(None, oidc_signing_algs.split(","))),
                parse_claims(oidc_required_claim or ()),
            )
        front_proxy = None
        if requestheader_client_ca_file:
            lists = (
                requestheader_allowed_names,
                requestheader_username_headers,
                requestheader_uid_headers,
                requestheader_group_headers,
                requestheader_extra_headers_prefix,
            )
            split = (tuple(filter(None, (part.strip() for part in text.split(",")))) for text in lists)
            front_proxy = RequestHeaderSettings(requestheader_client_ca_file, *split)
        servers = tuple(filter(None, (url.strip() for url in etcd_servers.split(","))))
        etcd = EtcdSettings(servers, etcd_cafile, etcd_certfile, etcd_keyfile, etcd_prefix)
        config = Config(
            oidc=oidc,
            request_header=front_proxy,
            proxy_client_cert_file=proxy_client_cert_file,
            proxy_client_key_file=proxy_client_key_file,
            advertise_address=advertise_address or ("127.0.0.1" if bind_address in ("0.0.0.0", "::") else bind_address),
            secure_port=secure_port,
            service_cluster_ip_range=service_cluster_ip_range,
            service_node_port_range=parse_port_range(service_node_port_range),
            runtime_config=parse_runtime_config(runtime_config),
            event_ttl=parse_duration(event_ttl),
            client_ca_file=client_ca_file,
            token_auth_file=token_auth_file,
            anonymous_auth=anonymous_auth,
            enable_bootstrap_token_auth=enable_bootstrap_token_auth,
            authorization_mode=tuple(filter(None, authorization_mode.split(","))),
            service_account_key_files=tuple(service_account_key_file or ()),
            service_account_signing_key_file=service_account_signing_key_file,
            service_account_issuer=service_account_issuer,
            api_audiences=tuple(filter(None, api_audiences.split(","))),
            kubelet_client_certificate=kubelet_client_certificate,
            kubelet_client_key=kubelet_client_key,
            kubelet_certificate_authority=kubelet_certificate_authority,
            feature_gates=parse_feature_gates(feature_gates),
            audit_policy_file=audit_policy_file,
            audit_log_path=audit_log_path,
            audit_log_maxage=audit_log_maxage,
            audit_log_maxbackup=audit_log_maxbackup,
            audit_log_maxsize=audit_log_maxsize,
            audit_log_format=audit_log_format,
            audit_webhook_config_file=audit_webhook_config_file,
            audit_webhook_batch_buffer_size=audit_webhook_batch_buffer_size,
            audit_webhook_batch_max_size=audit_webhook_batch_max_size,
            audit_webhook_batch_max_wait=parse_seconds(audit_webhook_batch_max_wait),
            audit_webhook_initial_backoff=parse_seconds(audit_webhook_initial_backoff),
            encryption_provider_config=encryption_provider_config,
            encryption_provider_config_automatic_reload=encryption_provider_config_automatic_reload,
            enable_priority_and_fairness=enable_priority_and_fairness,
            max_requests_inflight=max_requests_inflight,
            max_mutating_requests_inflight=max_mutating_requests_inflight,
            request_timeout=float(parse_duration(request_timeout)),
            profiling=profiling,
            disable_admission_plugins=frozenset(filter(None, disable_admission_plugins.split(","))),
        )
        run_apiserver(config, Listen(bind_address, tls_cert_file, tls_private_key_file, data_dir, etcd))


COMMAND = Command("apiserver", run, group="Components")
