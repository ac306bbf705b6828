"""What a cluster was asked to be: written once by `up`, read by every later command."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import orjson

MAX_NODES = 200
"""Real nodes on one machine: the last byte of a node's address is 10 + its number."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A cluster's settings. `nodes` are real (containers), `virtual_nodes` are simulated."""

    name: str
    nodes: int = 1
    virtual_nodes: int = 0
    api_port: int = 6443
    """On 127.0.0.1 of the host."""
    service_cidr: str = "10.96.0.0/16"
    pod_cidr: str = "10.244.0.0/16"
    domain: str = "cluster.local"
    prometheus_url: str = ""
    """Where a Prometheus server answers that knows what autoscalers ask about; empty: there is none."""

    @property
    def context(self) -> str:
        """The context's name in the user's kubeconfig."""
        return "kubern" if self.name == "kubern" else f"kubern-{self.name}"

    @property
    def real(self) -> bool:
        """Whether the cluster runs containers."""
        return self.nodes > 0

    def node_names(self) -> list[str]:
        """Return the names of the real nodes, the first one plain."""
        return [node_name(self, n) for n in range(1, self.nodes + 1)]


_KINDS = {each.name: {"str": str, "int": int}[str(each.type)] for each in fields(Settings)}


def node_name(settings: Settings, number: int) -> str:
    """Return the name of real node `number` (from 1): `kubern-1`, `kubern-2`…"""
    return f"{settings.name}-{number}"


def load(path: Path) -> Settings | None:
    """Read the settings; None when the cluster was never made. Raises `ValueError` for a file that is not ours."""
    try:
        raw: dict[str, Any] = orjson.loads(path.read_bytes())
        if not isinstance(raw, dict):
            raise TypeError("not a JSON object")
        for name, value in raw.items():
            wanted = _KINDS.get(name, object)
            if not isinstance(value, wanted) or isinstance(value, bool):
                raise TypeError(f"{name} is {value!r}")
        return Settings(**raw)
    except FileNotFoundError:
        return None
    except (TypeError, orjson.JSONDecodeError) as error:
        raise ValueError(
            f"{path} is not a cluster's settings ({error}); mend it, or take the cluster away with `kubern down --name {path.parent.name}`"
        ) from error


def save(path: Path, settings: Settings) -> None:
    """Write the settings so that a crash leaves the old or the new ones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(orjson.dumps(asdict(settings), option=orjson.OPT_INDENT_2))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def grown(old: Settings, nodes: int | None, virtual_nodes: int | None, prometheus_url: str | None = None) -> Settings:
    """Return the settings with more nodes where asked, and another Prometheus server.

    Raises `ValueError` when fewer real nodes are asked than there are.
    """
    nodes = old.nodes if nodes is None else nodes
    if nodes < old.nodes:
        raise ValueError(f"the cluster has {old.nodes} nodes: delete one with kubectl, or `kubern down` first")
    return replace(
        old,
        nodes=nodes,
        virtual_nodes=old.virtual_nodes if virtual_nodes is None else virtual_nodes,
        prometheus_url=old.prometheus_url if prometheus_url is None else prometheus_url,
    )
