"""Whether a policy's expressions fit the kinds that it is about: what is found is told in the policy's status and changes nothing else.

Called by the controller that keeps that status. Source: Kubernetes documentation, "Validating Admission Policy", type checking.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubern.api.cel.admission import PolicyPrograms
from kubern.api.cel.types import DYN, Type
from kubern.base.json import Obj

_FAILED = "compilation failed: "


def expression_warnings(spec: Obj, kinds: Mapping[str, Type], params: Type | None = None) -> list[Obj]:
    """Return `status.typeChecking.expressionWarnings` of a ValidatingAdmissionPolicy's spec.

    `kinds` are the types of objects by what they are called (`apps/v1, Kind=Deployment`), `params` the type of its parameters.
    """
    found: dict[str, list[str]] = {}
    for kind, type in kinds.items():
        overrides = {"object": type, "oldObject": type, **({"params": params or DYN} if spec.get("paramKind") else {})}
        for problem in PolicyPrograms(spec, overrides, any_result=True).problems:
            if problem.path.startswith("spec.validations["):
                said = problem.detail.removeprefix(_FAILED)
                found.setdefault(problem.path, []).append(f"{kind}: {said}\n")
    return [{"fieldRef": path, "warning": "\n".join(texts)} for path, texts in sorted(found.items(), key=_place)]


def _place(item: tuple[str, list[str]]) -> tuple[int, str]:
    number, _, name = item[0].removeprefix("spec.validations[").partition("]")
    return int(number), name
