"""Which of a policy's bindings take a request, and the parameters that each of them gives. Used by the plug-ins of both kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kubern.apiserver.admission_chain import Attributes
from kubern.apiserver.matching import matched_resource
from kubern.apiserver.policies.compiled import Compiled
from kubern.apiserver.policies.parameters import ParameterError, parameters
from kubern.base.json import Obj


class Taken(NamedTuple):
    """A binding that takes a request: its name, its spec, and the objects to evaluate with; or why there are none."""

    name: str
    spec: Obj
    params: list[Obj | None]
    problem: str = ""


def taken(attributes: Attributes, policy: Compiled, bindings: Iterable[Obj]) -> Iterator[Taken]:
    """Yield the bindings of a policy that take a request which the policy matches."""
    for binding in bindings:
        spec = binding.get("spec") or {}
        narrowed = spec.get("matchResources")
        if narrowed and not _narrowed(narrowed, attributes):
            continue
        name = binding["metadata"]["name"]
        try:
            found = parameters(attributes, policy.spec.get("paramKind"), spec.get("paramRef"))
        except ParameterError as error:
            yield Taken(name, spec, [], f"failed to configure binding: {error}")
        else:
            yield Taken(name, spec, found.objects)


def _narrowed(source: Obj, attributes: Attributes) -> bool:
    """Say whether a binding's matchResources, which may have no rules, takes a request."""
    if source.get("resourceRules"):
        return matched_resource(source, attributes) is not None
    everything = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*", "*/*"]}
    return matched_resource({**source, "resourceRules": [everything]}, attributes) is not None
