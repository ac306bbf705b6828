"""HTTP extenders: programs outside that filter and score nodes, and bind pods, over the protocol of upstream's kube-scheduler/extender/v1.

Asked one after the other, after the plug-ins. One that does not answer fails the attempt, unless it is marked ignorable. Source: the
Kubernetes documentation, "Scheduler Configuration", extenders.
"""

from __future__ import annotations

import base64
import re
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from kubern.base.errors import InternalError
from kubern.base.json import Obj

POINTS_A_STEP = 10
"""An extender's scores go from 0 to 10, ours to 100."""
LARGEST_ANSWER = 64 << 20
_FIELDS = frozenset({
    "urlPrefix", "filterVerb", "preemptVerb", "prioritizeVerb", "weight", "bindVerb", "enableHTTPS", "tlsConfig", "httpTimeout",
    "nodeCacheCapable", "managedResources", "ignorable",
})  # fmt: skip


class Extender(NamedTuple):
    """One extender; `timeout` in seconds, `resources` those whose pods it wants to see (empty: all pods)."""

    url: str
    filter: str = ""
    prioritize: str = ""
    bind: str = ""
    weight: int = 1
    timeout: float = 30.0
    names_only: bool = False
    """It knows the nodes itself, and is sent names."""
    ignorable: bool = False
    resources: frozenset[str] = frozenset()
    unchecked: frozenset[str] = frozenset()
    """Resources that only the extender looks at."""
    tls: ssl.SSLContext | None = None

    def concerns(self, pod: Obj) -> bool:
        """Whether a pod is this extender's business."""
        if not self.resources:
            return True
        spec = pod["spec"]
        return any(
            name in self.resources
            for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
            for amounts in (container.get("resources") or {}).values()
            if isinstance(amounts, dict)
            for name in amounts
        )


class Selection(NamedTuple):
    """The nodes that an extender leaves, and why it refused the others; `final`: no other pod's end would help."""

    names: list[str]
    failed: dict[str, str]
    final: dict[str, str]


class Extenders:
    """Talks to extenders. Made when first needed, inside a running event loop."""

    def __init__(self, extenders: tuple[Extender, ...]) -> None:
        self._extenders = extenders
        self._session: Any = None

    def concerning(self, pod: Obj) -> list[Extender]:
        """Return the extenders that have a say about a pod."""
        return [each for each in self._extenders if each.concerns(pod)]

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def filter(self, extender: Extender, pod: Obj, nodes: list[Obj]) -> Selection:
        """Ask which nodes are left. Raises `InternalError`."""
        names = [node["metadata"]["name"] for node in nodes]
        if not extender.filter:
            return Selection(names, {}, {})
        answer = _lowered(await self._ask(extender, extender.filter, _arguments(extender, pod, nodes)))
        if answer.get("error"):
            raise InternalError(f"extender {extender.url}: {answer['error']}")
        left = answer.get("nodenames")
        if left is None:
            left = [node["metadata"]["name"] for node in (answer.get("nodes") or {}).get("items") or ()]
        known = {*names}
        unknown = [name for name in left if name not in known]
        if unknown:
            raise InternalError(
                f"extender {extender.url} claims a filtered node {unknown[0]!r} which was not asked about"
            )
        return Selection(left, answer.get("failednodes") or {}, answer.get("failedandunresolvablenodes") or {})

    async def prioritize(self, extender: Extender, pod: Obj, nodes: list[Obj]) -> dict[str, float]:
        """Ask for scores, and return them weighted. An extender that fails has no say. Raises nothing."""
        if not extender.prioritize:
            return {}
        try:
            answer = await self._ask(extender, extender.prioritize, _arguments(extender, pod, nodes))
            scores = [_lowered(each) for each in answer or ()]
            return {each["host"]: float(each["score"]) * extender.weight * POINTS_A_STEP for each in scores}
        except (InternalError, KeyError, TypeError, ValueError):
            return {}

    async def bind(self, extender: Extender, pod: Obj, node: str) -> None:
        """Let it bind a pod. Raises `InternalError`."""
        meta = pod["metadata"]
        body = {"PodName": meta["name"], "PodNamespace": meta["namespace"], "PodUID": meta["uid"], "Node": node}
        answer = _lowered(await self._ask(extender, extender.bind, body))
        if answer.get("error"):
            raise InternalError(f"extender {extender.url}: {answer['error']}")

    async def _ask(self, extender: Extender, verb: str, body: Obj) -> Any:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession()
        try:
            async with self._session.post(
                f"{extender.url}/{verb}",
                data=orjson.dumps(body),
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=extender.timeout),
                ssl=extender.tls if extender.tls is not None else True,
            ) as answer:
                content = await answer.content.read(LARGEST_ANSWER)
                if answer.status != 200:
                    raise InternalError(f"failed {verb} with extender at URL {extender.url}, code {answer.status}")
                return orjson.loads(content)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise InternalError(f"extender {extender.url}: {error or 'no answer in time'}") from error


def _arguments(extender: Extender, pod: Obj, nodes: list[Obj]) -> Obj:
    if extender.names_only:
        return {"Pod": pod, "Nodes": None, "NodeNames": [node["metadata"]["name"] for node in nodes]}
    return {
        "Pod": pod,
        "Nodes": {"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": nodes},
        "NodeNames": None,
    }


def _lowered(answer: Any) -> Obj:
    """Return an answer with small-letter keys: the protocol's Go types are read whatever the case. Raises `InternalError`."""
    if not isinstance(answer, dict):
        raise InternalError("an extender's answer is no object")
    return {str(key).lower(): value for key, value in answer.items()}


def read_extender(spec: Any, path: str) -> Extender:
    """Read one extender of a configuration file. Raises `ValueError`."""
    if not isinstance(spec, dict):
        raise ValueError(f"{path}: expected a mapping")
    for key in spec:
        if key not in _FIELDS:
            raise ValueError(f'unknown field "{path}.{key}"')
    if not spec.get("urlPrefix"):
        raise ValueError(f"{path}.urlPrefix: Required value")
    if spec.get("preemptVerb"):
        raise ValueError(f"{path}.preemptVerb: extenders have no say in preemption here")
    weight = spec.get("weight", 1)
    if spec.get("prioritizeVerb") and (not isinstance(weight, int) or weight <= 0):
        raise ValueError(f"{path}.weight: Invalid value: {weight}: must have a positive weight applied to it")
    managed = spec.get("managedResources") or ()
    return Extender(
        spec["urlPrefix"].rstrip("/"),
        spec.get("filterVerb") or "",
        spec.get("prioritizeVerb") or "",
        spec.get("bindVerb") or "",
        weight,
        _seconds(spec.get("httpTimeout") or "30s", f"{path}.httpTimeout"),
        bool(spec.get("nodeCacheCapable")),
        bool(spec.get("ignorable")),
        frozenset(each["name"] for each in managed),
        frozenset(each["name"] for each in managed if each.get("ignoredByScheduler")),
        _tls(spec.get("tlsConfig") or {}) if spec.get("enableHTTPS") or spec.get("tlsConfig") else None,
    )


def _seconds(text: Any, path: str) -> float:
    """Read a duration such as `1m30s` or `500ms`."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    parts = re.findall(r"([0-9.]+)(ms|h|m|s)", str(text))
    if not parts or "".join(number + unit for number, unit in parts) != str(text):
        raise ValueError(f'{path}: Invalid value: "{text}": not a duration')
    return sum(float(number) * units[unit] for number, unit in parts)


def _tls(spec: Obj) -> ssl.SSLContext:
    data = base64.b64decode(spec["caData"]).decode() if spec.get("caData") else None
    context = ssl.create_default_context(cafile=spec.get("caFile"), cadata=data)
    if spec.get("insecure"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if spec.get("certFile"):
        context.load_cert_chain(Path(spec["certFile"]), Path(spec["keyFile"]))
    return context
