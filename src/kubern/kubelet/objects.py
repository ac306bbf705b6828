"""The API objects that pods refer to, read when they are needed, and the tokens of their service accounts."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from kubern.base.clock import Clock, parse_time
from kubern.base.errors import NotFound
from kubern.base.json import Obj
from kubern.client.contract import GVR, Client
from kubern.kubelet.podspec import uid
from kubern.kubelet.volume import Token

PODS = GVR("", "v1", "pods")
NODES = GVR("", "v1", "nodes")
SERVICES = GVR("", "v1", "services")
LEASES = GVR("coordination.k8s.io", "v1", "leases")
_SERVICE_ACCOUNTS = GVR("", "v1", "serviceaccounts")
_BUNDLES = GVR("certificates.k8s.io", "v1beta1", "clustertrustbundles")
_KINDS = {
    "configmap": GVR("", "v1", "configmaps"),
    "secret": GVR("", "v1", "secrets"),
    "persistentvolumeclaim": GVR("", "v1", "persistentvolumeclaims"),
    "persistentvolume": GVR("", "v1", "persistentvolumes"),
    "runtimeclass": GVR("node.k8s.io", "v1", "runtimeclasses"),
}
_FRESH = 1.0
"""Seconds for which an answer is used again: the volumes and variables of one pod often name the same object."""
_MAX_REMEMBERED = 1024
_RENEW_AT = 0.8


class ApiObjects:
    """Reads through a client. Equal questions at the same time become one request."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._answers: dict[tuple[str, str, str], tuple[float, asyncio.Task[Obj | None]]] = {}
        self._tokens: dict[tuple[str, str, int], tuple[Token, float]] = {}

    async def get(self, kind: str, namespace: str, name: str) -> Obj | None:
        """Return a `configmap`, `secret`, `persistentvolumeclaim`, `persistentvolume` or `runtimeclass`; None when there is none."""
        now = self._clock.monotonic()
        key = (kind, namespace, name)
        asked = self._answers.get(key)
        if (
            asked is None
            or now - asked[0] > _FRESH
            or (asked[1].done() and (asked[1].cancelled() or asked[1].exception()))
        ):
            if len(self._answers) > _MAX_REMEMBERED:
                self._answers = {k: a for k, a in self._answers.items() if now - a[0] <= _FRESH}
            asked = (now, asyncio.create_task(self._read(key)))
            self._answers[key] = asked
        # one asker that gives up must not take the answer from the others
        return await asyncio.shield(asked[1])

    async def _read(self, key: tuple[str, str, str]) -> Obj | None:
        kind, namespace, name = key
        try:
            return await self._client.get(_KINDS[kind], name, namespace)
        except NotFound:
            return None

    async def trust_bundle(self, name: str) -> Obj | None:
        """Return a ClusterTrustBundle, None when there is none."""
        try:
            return await self._client.get(_BUNDLES, name)
        except NotFound:
            return None

    async def token(self, pod: Obj, audience: str, seconds: int) -> Token:
        """Return a token of the pod's service account, bound to the pod; renewed after four fifths of its time."""
        key = (uid(pod), audience, seconds)
        kept = self._tokens.get(key)
        if kept is not None and self._clock.monotonic() < kept[1]:
            return kept[0]
        meta = pod["metadata"]
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [audience] if audience else [],
                "expirationSeconds": seconds,
                "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"]},
            },
        }
        account = pod["spec"].get("serviceAccountName") or "default"
        answer = await self._client.create(
            _SERVICE_ACCOUNTS, request, meta["namespace"], name=account, subresource="token"
        )
        token = Token(answer["status"]["token"], parse_time(answer["status"]["expirationTimestamp"]))
        left = (token.expires - self._clock.now()) / timedelta(seconds=1)
        now = self._clock.monotonic()
        # those of pods that are gone are never asked for again
        self._tokens = {each: kept for each, kept in self._tokens.items() if now < kept[1]}
        self._tokens[key] = (token, now + left * _RENEW_AT)
        return token
