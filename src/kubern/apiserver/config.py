"""What an apiserver is told at start. Filled in by the command line and by `kubern up`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubern.apiserver.authn.oidc import OidcSettings
from kubern.apiserver.authn.request_header import RequestHeaderSettings


@dataclass(frozen=True, slots=True)
class Config:
    """Settings with upstream's defaults; each is named after the upstream flag that sets it."""

    advertise_address: str = "127.0.0.1"
    secure_port: int = 6443
    service_cluster_ip_range: str = "10.96.0.0/16"
    service_node_port_range: tuple[int, int] = (30000, 32767)
    runtime_config: Mapping[str, bool] = field(default_factory=dict)
    """`group/version`, `api/beta`, `api/alpha` or `api/all` to whether it is served."""
    event_ttl: int = 3600
    """Seconds that an Event is kept."""
    client_ca_file: Path | None = None
    token_auth_file: Path | None = None
    anonymous_auth: bool = True
    enable_bootstrap_token_auth: bool = False
    authorization_mode: tuple[str, ...] = ("RBAC",)
    service_account_key_files: tuple[Path, ...] = ()
    service_account_signing_key_file: Path | None = None
    service_account_issuer: str = "https://kubernetes.default.svc.cluster.local"
    api_audiences: tuple[str, ...] = ()
    kubelet_client_certificate: Path | None = None
    kubelet_client_key: Path | None = None
    kubelet_certificate_authority: Path | None = None
    oidc: OidcSettings | None = None
    request_header: RequestHeaderSettings | None = None
    """Whose certificates may speak for others, in which headers (the --requestheader-* flags)."""
    proxy_client_cert_file: Path | None = None
    """What is shown to aggregated servers, with the key below."""
    proxy_client_key_file: Path | None = None
    disable_admission_plugins: frozenset[str] = frozenset()
    audit_policy_file: Path | None = None
    audit_log_path: str = ""
    """Where audit events go; `-`: standard output."""
    audit_log_maxage: int = 0
    audit_log_maxbackup: int = 0
    audit_log_maxsize: int = 0
    audit_log_format: str = "json"
    audit_webhook_config_file: Path | None = None
    """A kubeconfig that says where audit events are posted."""
    audit_webhook_batch_buffer_size: int = 10000
    audit_webhook_batch_max_size: int = 400
    audit_webhook_batch_max_wait: float = 30.0
    audit_webhook_initial_backoff: float = 10.0
    """Seconds, as the one before."""
    encryption_provider_config: Path | None = None
    encryption_provider_config_automatic_reload: bool = False

    enable_priority_and_fairness: bool = True
    max_requests_inflight: int = 400
    max_mutating_requests_inflight: int = 200
    """The sum of the two is what priority and fairness divides among its levels."""
    profiling: bool = True
    """Whether /debug/pprof/ is served."""
    request_timeout: float = 60.0
    """Seconds that a request may take unless it is long-running."""

    feature_gates: Mapping[str, bool] = field(default_factory=dict)

    @property
    def cbor(self) -> bool:
        """Whether clients may speak CBOR; alpha in v1.36, and off."""
        return self.feature_gates.get("CBORServingAndStorage", False)

    @property
    def audiences(self) -> tuple[str, ...]:
        """The audiences that a token must be for; the issuer when none are set."""
        return self.api_audiences or (self.service_account_issuer,)
