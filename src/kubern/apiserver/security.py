"""Authentication and authorization put together from the configuration, and fed from the watch caches.

Made by `ApiServer`. What always holds: the authorizer sees every role, binding and pod that a client could read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kubern.api.token_keys import VerifyingKey, load_public_keys, load_signing_key
from kubern.apiserver.authn.bearer import BearerTokens, Checker
from kubern.apiserver.authn.bootstrap_token import BootstrapTokens
from kubern.apiserver.authn.certificate import Certificates
from kubern.apiserver.authn.chain import Chain, in_process
from kubern.apiserver.authn.impersonation import Impersonation
from kubern.apiserver.authn.oidc import OidcTokens
from kubern.apiserver.authn.oidc_keys import OidcKeys
from kubern.apiserver.authn.request_header import RequestHeaders
from kubern.apiserver.authn.service_account import ServiceAccountTokens, TokenIssuer
from kubern.apiserver.authn.token_file import TokenFile
from kubern.apiserver.authz.modes import Decide, build
from kubern.apiserver.authz.node import PodReferences
from kubern.apiserver.authz.policy import PLURALS, Policy
from kubern.apiserver.cache import Change
from kubern.apiserver.core import Core
from kubern.apiserver.encoding import Entry
from kubern.apiserver.legacy_tokens import LegacyTokenUse
from kubern.apiserver.metadata import random_uid
from kubern.apiserver.refusal import forbidden
from kubern.base.json import Obj


class Security(NamedTuple):
    """Who may do what."""

    authenticate: Chain
    authorize: Decide
    bearer: BearerTokens
    policy: Policy
    issuer: TokenIssuer | None
    keys: Sequence[VerifyingKey]
    legacy_tokens: LegacyTokenUse
    """To be run by the server."""
    oidc_keys: OidcKeys | None = None
    """To be run by the server, when there is an OpenID Connect provider."""


def secure(core: Core) -> Security:
    """Build authentication and authorization. Raises `OSError`, `ValueError` for files and settings that cannot be used."""
    config, clock = core.config, core.clock
    policy, pods = Policy(), PodReferences(lambda namespace, claim: _volume_of(core, namespace, claim))
    for plural in PLURALS:
        core.feed.listen(plural, _PolicyListener(policy, plural))
    core.feed.listen("pods", _PodListener(pods))
    authorize = build(config.authorization_mode, policy, pods)
    keys = [key for file in config.service_account_key_files for key in load_public_keys(file.read_bytes())]
    issuer = None
    if config.service_account_signing_key_file:
        signing = config.service_account_signing_key_file.read_bytes()
        keys = keys or load_public_keys(signing)
        issuer = TokenIssuer(
            load_signing_key(signing),
            issuer=config.service_account_issuer,
            audiences=config.audiences,
            clock=clock,
            new_id=lambda: random_uid(core.rng),
        )
    legacy = LegacyTokenUse(core)
    checkers: list[Checker] = []
    if config.token_auth_file:
        checkers.append(TokenFile.read(config.token_auth_file))
    if keys:
        checkers.append(
            ServiceAccountTokens(
                keys, issuer=config.service_account_issuer, lookup=core.find_object, clock=clock, used=legacy.used
            )
        )
    if config.enable_bootstrap_token_auth:
        checkers.append(BootstrapTokens(core.find_object, clock))
    oidc_keys = OidcKeys(config.oidc.issuer_url, config.oidc.ca_file, clock) if config.oidc else None
    if config.oidc and oidc_keys:
        checkers.append(OidcTokens(config.oidc, oidc_keys.find, clock))
    bearer = BearerTokens(checkers, config.audiences, clock)
    headers = RequestHeaders(config.request_header, config.client_ca_file) if config.request_header else None
    certificates = Certificates(clock, headers.only_proxy if headers else None, core.counts.certificates)
    methods = [in_process, *([headers] if headers else ()), certificates, bearer]
    chain = Chain(
        methods,
        anonymous=config.anonymous_auth,
        impersonate=Impersonation(authorize, forbidden),
    )
    return Security(chain, authorize, bearer, policy, issuer, keys, legacy, oidc_keys)


def _volume_of(core: Core, namespace: str, claim: str) -> str:
    found = core.find_object("persistentvolumeclaims", namespace, claim)
    return str(((found or {}).get("spec") or {}).get("volumeName") or "")


class _PolicyListener:
    """Feeds one kind of roles or bindings to the policy."""

    def __init__(self, policy: Policy, plural: str) -> None:
        self._policy = policy
        self._plural = plural

    def load(self, entries: Sequence[Entry]) -> None:
        self._policy.load(self._plural, [entry.obj() for entry in entries])

    def change(self, change: Change) -> None:
        entry = change.entry
        if change.deleted:
            self._policy.remove(self._plural, entry.namespace, entry.name)
        else:
            self._policy.put(self._plural, entry.obj())


class _PodListener:
    """Feeds the pods that are on a node to the Node authorizer."""

    def __init__(self, pods: PodReferences) -> None:
        self._pods = pods

    def load(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._put(entry.obj())

    def change(self, change: Change) -> None:
        entry = change.entry
        if change.deleted:
            self._pods.remove(entry.namespace, entry.name)
        elif self._bound_anew(change):
            self._put(entry.obj())

    def _bound_anew(self, change: Change) -> bool:
        """Whether the pod has a node now and had none before: what a pod refers to does not change after that, but for its
        ephemeral containers, so that status updates need not be parsed here."""
        node = b'"nodeName":"'
        if node not in change.entry.item:
            return False
        ephemeral = b'"ephemeralContainers":'
        return change.previous is None or node not in change.previous.item or ephemeral in change.entry.item

    def _put(self, pod: Obj) -> None:
        if (pod.get("spec") or {}).get("nodeName"):
            self._pods.put(pod)
