"""Nodes and pods as dicts, and one scheduling cycle over them."""

import random

from kubern.scheduler.columns import Columns
from kubern.scheduler.cycle import schedule
from kubern.scheduler.framework import Cycle
from kubern.scheduler.podinfo import PodInfo
from kubern.scheduler.registry import load

PLUGINS = load()
ZONE = "topology.kubernetes.io/zone"


def node(name, cpu="4", memory="8Gi", pods="110", labels=None, **spec):
    """A node; keywords beyond its amounts and labels go to its spec."""
    allocatable = {"cpu": cpu, "memory": memory, "pods": pods}
    return {"metadata": {"name": name, "labels": labels or {}}, "spec": spec, "status": {"allocatable": allocatable}}


def zoned(name, zone, **more):
    """A node in a zone, with its host name as a label."""
    return node(name, labels={ZONE: zone, "kubernetes.io/hostname": name}, **more)


def pod(name="p", cpu="100m", memory="64Mi", labels=None, namespace="default", **spec):
    """A pod with one container; keywords beyond its amounts go to its spec."""
    container = {"name": "c", "image": "i", "resources": {"requests": {"cpu": cpu, "memory": memory}}}
    metadata = {"name": name, "uid": name, "namespace": namespace, "labels": labels or {}}
    return {"metadata": metadata, "spec": {"containers": [container]} | spec}


def columns_of(nodes, running=(), namespaces=None):
    """The columns of nodes with pods on them."""
    columns = Columns()
    for name, labels in (namespaces or {}).items():
        columns.relations.set_namespace(name, labels)
    for each in nodes:
        columns.set_node(each)
    for held, on in running:
        columns.add_pod(PodInfo(held), on)
    return columns


def place(pod, *nodes, running=(), seed=1, namespaces=None, listers=None, plugins=PLUGINS):
    """Where a pod goes."""
    cycle = Cycle(PodInfo(pod), columns_of(nodes, running, namespaces), listers)
    return schedule(cycle, plugins, random.Random(seed))


def plugin(name):
    """One of the default plug-ins."""
    return next(each for each in PLUGINS if each.name == name)
