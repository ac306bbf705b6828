"""A container's environment: values, references, whole ConfigMaps and Secrets, and the services of its namespace. Pure.

Source: the Kubernetes documentation, "Define Environment Variables for a Container", "Service environment variables".
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from kubern.base.json import Obj
from kubern.kubelet import downward
from kubern.kubelet.podspec import key

_REFERENCE = re.compile(r"\$(?:\$|\(([^()$]*)\))")
CONFIG_MAP, SECRET = "configmap", "secret"


class ConfigError(Exception):
    """The container cannot be made as it is described: CreateContainerConfigError with this message."""


class Sources(NamedTuple):
    """What an environment is drawn from: the objects that it refers to by (kind, name), the services, the node.

    `objects` lacks what does not exist.
    """

    objects: Mapping[tuple[str, str], Obj]
    services: Iterable[Obj]
    host: downward.Host


def references(container: Obj) -> set[tuple[str, str]]:
    """Return the ConfigMaps and Secrets that a container's environment names, as (kind, name)."""
    found: set[tuple[str, str]] = set()
    for source in container.get("envFrom") or ():
        for field, kind in (("configMapRef", CONFIG_MAP), ("secretRef", SECRET)):
            if source.get(field):
                found.add((kind, source[field].get("name", "")))
    for variable in container.get("env") or ():
        source = variable.get("valueFrom") or {}
        for field, kind in (("configMapKeyRef", CONFIG_MAP), ("secretKeyRef", SECRET)):
            if source.get(field):
                found.add((kind, source[field].get("name", "")))
    return found


def expand(text: str, lookup: Callable[[str], str | None]) -> str:
    """Replace `$(NAME)` by its value and `$$` by `$`; an unknown name stays as it is."""

    def replaced(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        value = lookup(match[1])
        return match[0] if value is None else value

    return _REFERENCE.sub(replaced, text)


def environment(pod: Obj, container: Obj, sources: Sources) -> tuple[tuple[str, str], ...]:
    """Return the container's variables in order. Raises `ConfigError` for a reference that leads nowhere."""
    of_services = service_variables(pod, sources.services)
    found: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        found |= _whole(source, sources, key(pod).partition("/")[0])
    for variable in container.get("env") or ():
        name = variable["name"]
        if variable.get("valueFrom"):
            value = _referenced(variable["valueFrom"], pod, container, sources)
            if value is None:
                continue
        else:
            value = expand(variable.get("value") or "", lambda n: found.get(n, of_services.get(n)))
        found[name] = value
    return tuple(found.items()) + tuple(item for item in of_services.items() if item[0] not in found)


def _whole(source: Obj, sources: Sources, namespace: str) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    for field, kind in (("configMapRef", CONFIG_MAP), ("secretRef", SECRET)):
        reference = source.get(field)
        if reference:
            data = _data(kind, reference, sources)
            return {prefix + name: value for name, value in sorted((data or {}).items()) if "=" not in name}
    return {}


def _referenced(source: Obj, pod: Obj, container: Obj, sources: Sources) -> str | None:
    """Return one reference's value; None when it is optional and not there."""
    if source.get("fieldRef"):
        try:
            return downward.field(pod, source["fieldRef"]["fieldPath"], sources.host)
        except LookupError as error:
            raise ConfigError(str(error.args[0])) from error
    if source.get("resourceFieldRef"):
        try:
            return downward.resource(pod, container, source["resourceFieldRef"], sources.host)
        except LookupError as error:
            raise ConfigError(str(error.args[0])) from error
    for field, kind, title in (("configMapKeyRef", CONFIG_MAP, "ConfigMap"), ("secretKeyRef", SECRET, "Secret")):
        reference = source.get(field)
        if not reference:
            continue
        data = _data(kind, reference, sources)
        if data is not None and reference["key"] in data:
            return data[reference["key"]]
        if reference.get("optional"):
            return None
        namespace = pod["metadata"].get("namespace", "")
        raise ConfigError(f"couldn't find key {reference['key']} in {title} {namespace}/{reference.get('name', '')}")
    return ""


def _data(kind: str, reference: Obj, sources: Sources) -> dict[str, str] | None:
    """Return an object's data as text; None when it is optional and not there."""
    name = reference.get("name", "")
    obj = sources.objects.get((kind, name))
    if obj is None:
        if reference.get("optional"):
            return None
        raise ConfigError(f'{kind} "{name}" not found')
    if kind == CONFIG_MAP:
        return dict(obj.get("data") or {})
    return {name: base64.b64decode(value).decode(errors="replace") for name, value in (obj.get("data") or {}).items()}


def service_variables(pod: Obj, services: Iterable[Obj]) -> dict[str, str]:
    """Return the variables of the services of the pod's namespace (enableServiceLinks), and always of `kubernetes`."""
    namespace = pod["metadata"].get("namespace", "")
    links = pod["spec"].get("enableServiceLinks", True)
    chosen: dict[str, Obj] = {}
    for service in services:
        meta = service["metadata"]
        if service["spec"].get("clusterIP") in (None, "", "None"):
            continue
        if meta["namespace"] == namespace and links:
            chosen[meta["name"]] = service
        elif (meta["namespace"], meta["name"]) == ("default", "kubernetes"):
            chosen.setdefault(meta["name"], service)
    found: dict[str, str] = {}
    for name in sorted(chosen):
        found |= _variables(name, chosen[name]["spec"])
    return found


def _variables(service: str, spec: Obj) -> dict[str, str]:
    prefix = _variable(service)
    ip, ports = spec["clusterIP"], spec.get("ports") or ()
    if not ports:
        return {}
    found = {f"{prefix}_SERVICE_HOST": ip, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
    for port in ports:
        if port.get("name"):
            found[f"{prefix}_SERVICE_PORT_{_variable(port['name'])}"] = str(port["port"])
    bracketed = f"[{ip}]" if ":" in ip else ip
    for index, port in enumerate(ports):
        protocol = port.get("protocol", "TCP")
        url = f"{protocol.lower()}://{bracketed}:{port['port']}"
        if index == 0:
            found[f"{prefix}_PORT"] = url
        one = f"{prefix}_PORT_{port['port']}_{protocol}"
        found |= {
            one: url,
            f"{one}_PROTO": protocol.lower(),
            f"{one}_PORT": str(port["port"]),
            f"{one}_ADDR": ip,
        }
    return found


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")
