"""`/configz` of the scheduler: what it runs with, as upstream's KubeSchedulerConfiguration has it. Only what is heeded here is shown."""

from __future__ import annotations

from kubern.base.duration import go_duration
from kubern.base.json import Obj
from kubern.client.leaderelection import LeaseSettings
from kubern.scheduler.config import API_VERSION, POINTS, Configuration
from kubern.scheduler.extender import Extender
from kubern.scheduler.profile import Profile


def shown(config: Configuration) -> Obj:
    """Return a configuration in the API's form."""
    found: Obj = {
        "kind": "KubeSchedulerConfiguration",
        "apiVersion": API_VERSION,
        "leaderElection": {"leaderElect": config.leader_elect, **election(config.lease)},
        "podInitialBackoffSeconds": config.backoff_first,
        "podMaxBackoffSeconds": config.backoff_last,
        "profiles": [_profile(profile) for profile in config.profiles],
    }
    if config.extenders:
        found["extenders"] = [_extender(extender) for extender in config.extenders]
    return found


def election(lease: LeaseSettings) -> Obj:
    """Return the fields of a leaderElection block."""
    return {
        "leaseDuration": go_duration(lease.lease_duration),
        "renewDeadline": go_duration(lease.renew_deadline),
        "retryPeriod": go_duration(lease.retry_period),
        "resourceLock": "leases",
        "resourceName": lease.name,
        "resourceNamespace": lease.namespace,
    }


def _profile(profile: Profile) -> Obj:
    plugins: Obj = {}
    for point, fields in POINTS.items():
        enabled = [
            {"name": plugin.name} | ({"weight": plugin.weight} if point == "score" else {})
            for plugin in profile.plugins
            if fields and getattr(plugin, fields[0]) is not None
        ]
        if enabled:
            plugins[point] = {"enabled": enabled}
    return {"schedulerName": profile.name, "plugins": plugins}


def _extender(extender: Extender) -> Obj:
    return {
        "urlPrefix": extender.url,
        "filterVerb": extender.filter,
        "prioritizeVerb": extender.prioritize,
        "bindVerb": extender.bind,
        "weight": extender.weight,
        "httpTimeout": go_duration(extender.timeout),
        "nodeCacheCapable": extender.names_only,
        "ignorable": extender.ignorable,
    }
