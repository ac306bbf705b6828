"""Asks for what a decision needs: the target's scale, its pods, and every metric."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from kubern.base.clock import parse_time
from kubern.base.errors import NotFound, StatusError
from kubern.base.json import Obj
from kubern.base.quantity import parse
from kubern.client.contract import GVR, Client
from kubern.client.labels import selector_text
from kubern.controllers.autoscaling.decision import Observed
from kubern.controllers.autoscaling.model import Fetched, PodValue
from kubern.controllers.autoscaling.proposals import FIELDS
from kubern.controllers.resources import PODS

_METRICS = "/apis/metrics.k8s.io/v1beta1"
_CUSTOM = "/apis/custom.metrics.k8s.io/v1beta2"
_EXTERNAL = "/apis/external.metrics.k8s.io/v1beta1"
_PLURALS = {"Deployment": "deployments", "ReplicaSet": "replicasets", "StatefulSet": "statefulsets"}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SHOWN = 200
"""Characters of what is said about an answer that cannot be read."""
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


async def gather(observed: Observed, client: Client) -> Observed:
    """Return the observation with what the API says now; what cannot be had is said in it."""
    hpa = observed.autoscaler
    namespace, reference = hpa["metadata"]["namespace"], hpa["spec"]["scaleTargetRef"]
    try:
        target = await _resource(client, reference)
        scale = await client.get(target, reference["name"], namespace, subresource="scale")
    except StatusError as error:
        return observed._replace(error=error.message)
    observed = observed._replace(target=target, scale=scale)
    selector = (scale.get("status") or {}).get("selector") or ""
    replicas = (scale.get("spec") or {}).get("replicas") or 0
    least, most = hpa["spec"].get("minReplicas", 1), hpa["spec"]["maxReplicas"]
    if not selector or not least <= replicas <= most:
        return observed
    pods = (await client.list(PODS, namespace, label_selector=selector, resource_version="0")).items
    fetched = [await _fetch(client, spec, namespace, selector) for spec in hpa["spec"].get("metrics") or ()]
    return observed._replace(pods=pods, fetched=fetched)


async def _resource(client: Client, reference: Obj) -> GVR:
    """Return the resource of a kind that has a scale. Raises `StatusError`."""
    group, _, version = reference.get("apiVersion", "v1").rpartition("/")
    kind = reference["kind"]
    if group == "apps" and kind in _PLURALS:
        return GVR(group, version, _PLURALS[kind])
    listed = await client.raw(f"/apis/{group}/{version}" if group else f"/api/{version}")
    for resource in listed.get("resources") or ():
        if resource["kind"] == kind and "/" not in resource["name"]:
            return GVR(group, version, resource["name"])
    shown = f"{version}, Kind={kind}" if not group else f"{group}/{version}, Kind={kind}"
    raise NotFound(f'no matches for kind "{kind}" in group "{group}"' if group else f"no matches for {shown}")


async def _fetch(client: Client, spec: Obj, namespace: str, selector: str) -> Fetched:
    kind = spec["type"]
    if kind not in FIELDS:
        return Fetched(error=f'unknown metric source type "{kind}"')
    own = spec[FIELDS[kind]]
    try:
        if kind in ("Resource", "ContainerResource"):
            return await _resource_metric(client, own, namespace, selector)
        if kind == "Pods":
            return await _pods_metric(client, own["metric"], namespace, selector)
        if kind == "Object":
            return await _object_metric(client, own, namespace)
        return await _external_metric(client, own["metric"], namespace)
    except StatusError as error:
        return Fetched(error=_unable(kind, own, namespace, error.message))
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        # any server may stand behind these APIs
        why = f"the answer is not what it should be: {error!r}"
        return Fetched(error=_unable(kind, own, namespace, why[:_SHOWN]))


def _unable(kind: str, own: Obj, namespace: str, why: str) -> str:
    """Return upstream's words for a metric that could not be fetched."""
    if kind in ("Resource", "ContainerResource"):
        return f"unable to get metrics for resource {own['name']}: unable to fetch metrics from resource metrics API: {why}"
    name = own["metric"]["name"]
    if kind == "External":
        return f"unable to get external metric {namespace}/{name}: unable to fetch metrics from external metrics API: {why}"
    if kind == "Pods":
        return f"unable to get metric {name}: unable to fetch metrics from custom metrics API: {why}"
    return (
        f"unable to get metric {name}: {own['describedObject']['kind']} on {namespace} "
        f"{own['describedObject']['name']}/unable to fetch metrics from custom metrics API: {why}"
    )


async def _resource_metric(client: Client, own: Obj, namespace: str, selector: str) -> Fetched:
    query = urlencode({"labelSelector": selector})
    listed = await client.raw(f"{_METRICS}/namespaces/{namespace}/pods?{query}")
    name, container, values = own["name"], own.get("container"), {}
    if not listed.get("items"):
        return Fetched(
            error=f"unable to get metrics for resource {name}: no metrics returned from resource metrics API"
        )
    for item in listed["items"]:
        chosen = [c for c in item.get("containers") or () if container in (None, c["name"])]
        if not chosen or any(name not in (c.get("usage") or {}) for c in chosen):
            continue
        total = sum(parse(c["usage"][name]).milli() for c in chosen)
        values[item["metadata"]["name"]] = PodValue(total, parse_time(item["timestamp"]), _window(item.get("window")))
    return Fetched(pods=values)


async def _pods_metric(client: Client, metric: Obj, namespace: str, selector: str) -> Fetched:
    query = {"labelSelector": selector} | _metric_selector(metric, "metricLabelSelector")
    path = f"{_CUSTOM}/namespaces/{namespace}/pods/*/{quote(metric['name'], safe='')}?{urlencode(query)}"
    listed = await client.raw(path)
    return Fetched(
        pods={
            item["describedObject"]["name"]: PodValue(
                parse(item["value"]).milli(), parse_time(item["timestamp"]), _seconds(item.get("windowSeconds"))
            )
            for item in listed.get("items") or ()
        }
    )


async def _object_metric(client: Client, own: Obj, namespace: str) -> Fetched:
    described, metric = own["describedObject"], own["metric"]
    gvr = await _resource(client, described)
    resource = f"{gvr.plural}.{gvr.group}" if gvr.group else gvr.plural
    name = quote(metric["name"], safe="")
    query = urlencode(_metric_selector(metric, "metricLabelSelector"))
    if gvr == GVR("", "v1", "namespaces"):
        path = f"{_CUSTOM}/namespaces/{described['name']}/metrics/{name}"
    else:
        path = f"{_CUSTOM}/namespaces/{namespace}/{resource}/{described['name']}/{name}"
    listed = await client.raw(f"{path}?{query}" if query else path)
    items = listed.get("items") or []
    if not items:
        raise NotFound("no metrics returned from custom metrics API")
    return Fetched(total=parse(items[0]["value"]).milli(), time=parse_time(items[0]["timestamp"]))


async def _external_metric(client: Client, metric: Obj, namespace: str) -> Fetched:
    query = urlencode(_metric_selector(metric, "labelSelector"))
    path = f"{_EXTERNAL}/namespaces/{namespace}/{quote(metric['name'], safe='')}"
    listed = await client.raw(f"{path}?{query}" if query else path)
    items = listed.get("items") or []
    if not items:
        raise NotFound("no metrics returned from external metrics API")
    return Fetched(total=sum(parse(item["value"]).milli() for item in items))


def _metric_selector(metric: Obj, parameter: str) -> dict[str, str]:
    selector = metric.get("selector")
    return {parameter: selector_text(selector)} if selector else {}


def _window(text: Any) -> timedelta:
    return timedelta(seconds=sum(float(n) * _UNITS[u] for n, u in _PART.findall(str(text or "1m"))))


def _seconds(given: Any) -> timedelta:
    return timedelta(seconds=float(given) if given else 60.0)
