"""`KubeSchedulerConfiguration`: which profiles there are, which plug-ins each runs, with which weights and arguments, and the extenders.

Read once at start from the file that `--config` names. Unknown fields, plug-ins and values are errors that name the path. Source: the
Kubernetes documentation, "Scheduler Configuration" (kubescheduler.config.k8s.io/v1).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from kubern.base.duration import parse_duration
from kubern.base.json import Obj
from kubern.client.leaderelection import LeaseSettings
from kubern.scheduler.extender import Extender, read_extender
from kubern.scheduler.framework import Plugin
from kubern.scheduler.profile import DEFAULT_NAME, Profile
from kubern.scheduler.queue import BACKOFF_FIRST, BACKOFF_LAST

LEASE = LeaseSettings("kube-scheduler")
API_VERSION = "kubescheduler.config.k8s.io/v1"
POINTS: dict[str, tuple[str, ...]] = {
    "preEnqueue": ("pre_enqueue",),
    "queueSort": (),
    "preFilter": ("pre_filter",),
    "filter": ("filter", "refuses"),
    "postFilter": ("post_filter",),
    "preScore": (),
    "score": ("score", "normalize"),
    "reserve": ("reserve", "unreserve"),
    "permit": ("permit",),
    "preBind": ("pre_bind",),
    "bind": (),
    "postBind": ("post_bind",),
}
"""Extension points, and the fields of a plug-in that belong to them."""
FIXED = ("PrioritySort", "DefaultBinder")
"""Parts of every profile here: how the queue is sorted, and that a Binding is posted."""
_FIELDS = frozenset({
    "apiVersion", "kind", "profiles", "extenders", "podInitialBackoffSeconds", "podMaxBackoffSeconds", "leaderElection",
    "clientConnection", "parallelism", "percentageOfNodesToScore", "enableProfiling", "enableContentionProfiling",
    "delayCacheUntilActive",
})  # fmt: skip


class Configuration(NamedTuple):
    """What a configuration file says; back-offs in seconds."""

    profiles: tuple[Profile, ...]
    """One scheduler each, told apart by the pods' spec.schedulerName."""
    extenders: tuple[Extender, ...] = ()
    backoff_first: float = BACKOFF_FIRST
    backoff_last: float = BACKOFF_LAST
    leader_elect: bool = True
    lease: LeaseSettings = LEASE
    kubeconfig: str = ""


def load_configuration(path: Path, available: Sequence[Plugin]) -> Configuration:
    """Read a configuration file. Raises `OSError`, and `ValueError` that says what is wrong where."""
    import yaml  # only for who has such a file: it costs start-up time

    try:
        found = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: {error}") from error
    try:
        return read_configuration(found, available)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def read_configuration(found: Any, available: Sequence[Plugin]) -> Configuration:
    """Return what a parsed file says. Raises `ValueError`."""
    if (
        not isinstance(found, dict)
        or found.get("kind") != "KubeSchedulerConfiguration"
        or found.get("apiVersion") != API_VERSION
    ):
        raise ValueError(f"expected kind KubeSchedulerConfiguration of {API_VERSION}")
    _known(found, _FIELDS, "")
    extenders = tuple(read_extender(each, f"extenders[{i}]") for i, each in enumerate(found.get("extenders") or ()))
    unchecked = frozenset(name for extender in extenders for name in extender.unchecked)
    specs = found.get("profiles") or [{}]
    profiles = tuple(_profile(each, available, unchecked, f"profiles[{i}]") for i, each in enumerate(specs))
    names = [profile.name for profile in profiles]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f'profiles: Duplicate value: "{name}"')
    first = _number(found, "podInitialBackoffSeconds", BACKOFF_FIRST)
    last = _number(found, "podMaxBackoffSeconds", BACKOFF_LAST)
    if first <= 0:
        raise ValueError(f"podInitialBackoffSeconds: Invalid value: {first:g}: must be greater than 0")
    if last < first:
        raise ValueError(
            f"podMaxBackoffSeconds: Invalid value: {last:g}: must be greater than or equal to PodInitialBackoffSeconds"
        )
    election = found.get("leaderElection") or {}
    return Configuration(
        profiles,
        extenders,
        first,
        last,
        bool(election.get("leaderElect", True)),
        _lease(election),
        (found.get("clientConnection") or {}).get("kubeconfig") or "",
    )


def _lease(election: Obj) -> LeaseSettings:
    """Return what the block leaderElection says of the Lease; the API writes durations as `1m30s`."""
    fields = {
        "name": "resourceName", "namespace": "resourceNamespace", "lease_duration": "leaseDuration",
        "renew_deadline": "renewDeadline", "retry_period": "retryPeriod",
    }  # fmt: skip
    _known(election, {"leaderElect", "resourceLock", *fields.values()}, "leaderElection")
    if election.get("resourceLock", "leases") != "leases":
        raise ValueError('leaderElection.resourceLock: Invalid value: must be "leases"')
    said = {field: election[key] for field, key in fields.items() if election.get(key)}
    for field in said.keys() - {"name", "namespace"}:
        said[field] = parse_duration(str(said[field]))
    return LEASE._replace(**said).checked()


def _profile(spec: Obj, available: Sequence[Plugin], unchecked: frozenset[str], path: str) -> Profile:
    _known(spec, {"schedulerName", "plugins", "pluginConfig", "percentageOfNodesToScore"}, path)
    arguments: list[Obj] = [*(spec.get("pluginConfig") or ())]
    if unchecked:
        arguments = _ignoring(arguments, unchecked)
    plugins = _configured(arguments, available, f"{path}.pluginConfig")
    return Profile(
        spec.get("schedulerName") or DEFAULT_NAME, _chosen(spec.get("plugins") or {}, plugins, f"{path}.plugins")
    )


def _ignoring(arguments: list[Obj], unchecked: frozenset[str]) -> list[Obj]:
    """Return plug-ins' arguments by which NodeResourcesFit does not look at what an extender manages alone."""
    fit: Obj = next(
        (each for each in arguments if each.get("name") == "NodeResourcesFit"), {"name": "NodeResourcesFit"}
    )
    args: Obj = fit.get("args") or {}
    ignored = [*(args.get("ignoredResources") or ()), *sorted(unchecked)]
    return [each for each in arguments if each is not fit] + [{**fit, "args": {**args, "ignoredResources": ignored}}]


def _configured(specs: Iterable[Obj], available: Sequence[Plugin], path: str) -> list[Plugin]:
    """Return the plug-ins with the arguments that the file gives them."""
    plugins = {plugin.name: plugin for plugin in available}
    for i, spec in enumerate(specs):
        plugin = plugins.get(spec.get("name", ""))
        if plugin is None:
            raise ValueError(f'{path}[{i}].name: Invalid value: "{spec.get("name")}": not a valid plugin')
        args = {key: value for key, value in (spec.get("args") or {}).items() if key not in ("apiVersion", "kind")}
        if plugin.configure is None:
            if args:
                raise ValueError(f"{path}[{i}].args: {plugin.name} takes no arguments")
            continue
        try:
            plugins[plugin.name] = dataclasses.replace(plugin.configure(args), weight=plugin.weight)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{path}[{i}].args.{error}") from error
    return list(plugins.values())


def _chosen(sets: Obj, plugins: list[Plugin], path: str) -> list[Plugin]:
    """Return the plug-ins that run, each with the extension points left to it, in their order."""
    _known(sets, {"multiPoint", *POINTS}, path)
    names = {plugin.name for plugin in plugins}
    everywhere = sets.get("multiPoint") or {}
    off = _names(everywhere, "disabled", names, f"{path}.multiPoint")
    weights = _weights(everywhere, names, f"{path}.multiPoint")
    active = {name for name in names if "*" not in off and name not in off} | weights.keys()
    running: dict[str, Plugin] = {}
    for plugin in plugins:
        kept = dataclasses.replace(plugin, weight=weights.get(plugin.name) or plugin.weight)
        for point, fields in POINTS.items():
            chosen = sets.get(point) or {}
            refused = _names(chosen, "disabled", names, f"{path}.{point}")
            wanted = _weights(chosen, names, f"{path}.{point}")
            if plugin.name in wanted:
                if point == "score" and wanted[plugin.name]:
                    kept = dataclasses.replace(kept, weight=wanted[plugin.name])
            elif plugin.name not in active or "*" in refused or plugin.name in refused:
                empty: dict[str, Any] = dict.fromkeys(fields)
                kept = dataclasses.replace(kept, **empty)
        running[plugin.name] = kept
    first = [name for name in _weights(sets.get("filter") or {}, names, path) if name in running]
    rest = [name for name in running if name not in first]
    return [running[name] for name in (*first, *rest) if _does_something(running[name])]


def _does_something(plugin: Plugin) -> bool:
    return any(getattr(plugin, field) is not None for fields in POINTS.values() for field in fields)


def _names(chosen: Obj, key: str, names: set[str], path: str) -> set[str]:
    """Return the plug-ins that a set lists. What is switched off and does not exist here is off already."""
    _known(chosen, {"enabled", "disabled"}, path)
    return {each["name"] for each in chosen.get(key) or ()}


def _weights(chosen: Obj, names: set[str], path: str) -> dict[str, int]:
    """Return the plug-ins that a set switches on, in its order, with their weights (0: not given)."""
    found: dict[str, int] = {}
    for i, each in enumerate(chosen.get("enabled") or ()):
        name = each.get("name")
        if name in FIXED:
            continue
        if name not in names:
            raise ValueError(f'{path}.enabled[{i}].name: Invalid value: "{name}": not a valid plugin')
        if name in found:
            raise ValueError(f'{path}.enabled[{i}].name: Duplicate value: "{name}"')
        found[name] = int(each.get("weight") or 0)
    return found


def _known(spec: Any, fields: Iterable[str], path: str) -> None:
    if not isinstance(spec, dict):
        raise ValueError(f"{path or 'the file'}: expected a mapping")
    for key in spec:
        if key not in fields:
            raise ValueError(f'unknown field "{f"{path}." if path else ""}{key}"')


def _number(found: Obj, key: str, default: float) -> float:
    value = found.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key}: expected a number")
    return float(value)
