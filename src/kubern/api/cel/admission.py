"""The expressions of admission policies and match conditions: what they may name, and compiling all those of a policy.

Used by the checks of policies, which report what does not compile, and by admission, which runs them. What always holds: a
policy's variables may name those before them only, and are evaluated once a request, when first named.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from kubern.api.cel import types
from kubern.api.cel.compiler import Budget, Program, compile
from kubern.api.cel.environment import Environment
from kubern.api.cel.errors import CelError, CelEvaluationError
from kubern.api.cel.types import BOOL, DYN, INT, STRING, Field, Type, list_of, map_of
from kubern.base.json import Obj

AUTHORIZER = Type("kubernetes.authorization.Authorizer")
REQUEST_RESOURCE = Type("kubernetes.authorization.ResourceCheck")
_STRINGS = map_of(STRING, STRING)


def _object(type_name: str, /, **fields: Type) -> Type:
    return Type(type_name, fields={key: Field(key, kind) for key, kind in fields.items()})


@cache
def request_type() -> Type:
    """Return the type of `request`: an AdmissionRequest without its objects."""
    kind = _object("kubernetes.GroupVersionKind", group=STRING, version=STRING, kind=STRING)
    resource = _object("kubernetes.GroupVersionResource", group=STRING, version=STRING, resource=STRING)
    extra = map_of(STRING, list_of(STRING))
    user = _object("kubernetes.UserInfo", username=STRING, uid=STRING, groups=list_of(STRING), extra=extra)
    return _object(
        "kubernetes.AdmissionRequest",
        kind=kind,
        resource=resource,
        subResource=STRING,
        requestKind=kind,
        requestResource=resource,
        requestSubResource=STRING,
        name=STRING,
        namespace=STRING,
        operation=STRING,
        userInfo=user,
        dryRun=BOOL,
        options=DYN,
    )


@cache
def namespace_type() -> Type:
    """Return the type of `namespaceObject`: a Namespace with those fields that expressions may look at."""
    metadata = _object(
        "kubernetes.NamespaceMetadata",
        name=STRING,
        generateName=STRING,
        namespace=STRING,
        labels=_STRINGS,
        annotations=_STRINGS,
        UID=STRING,
        creationTimestamp=types.TIMESTAMP,
        deletionGracePeriodSeconds=INT,
        deletionTimestamp=types.TIMESTAMP,
        generation=INT,
        resourceVersion=STRING,
        finalizers=list_of(STRING),
    )
    spec = _object("kubernetes.NamespaceSpec", finalizers=list_of(STRING))
    status = _object("kubernetes.NamespaceStatus", phase=STRING)
    return _object("kubernetes.Namespace", metadata=metadata, spec=spec, status=status)


def condition_environment(*, authorizer: bool = True, params: bool = False, **more: Type) -> Environment:
    """Return what match conditions may name; with `params` and `more` what a policy's expressions may."""
    known = {"object": DYN, "oldObject": DYN, "request": request_type(), "namespaceObject": namespace_type(), **more}
    if params:
        known["params"] = DYN
    if authorizer:
        known |= {"authorizer": AUTHORIZER, "authorizer.requestResource": REQUEST_RESOURCE}
    return Environment(known, _made_objects)


_PATCH = _object("JSONPatch", op=STRING, path=STRING, **{"from": STRING}, value=DYN)


def _made_objects(name: str) -> Type | None:
    """Return the types that mutations write: `JSONPatch{…}`, `Object{…}` and, below it, `Object.spec{…}`."""
    if name == "JSONPatch":
        return _PATCH
    return Type(name, open_fields=True) if name == "Object" or name.startswith("Object.") else None


class Problem(NamedTuple):
    """An expression that does not compile: where it stands in the policy, its text, and what is wrong."""

    path: str
    expression: str
    detail: str


class Slot(NamedTuple):
    """One expression of a policy: where it stands, its text, what it may evaluate to, and whether it may ask the authorizer."""

    path: str
    expression: str
    results: tuple[Type, ...] = (BOOL,)
    authorizer: bool = True


def policy_slots(spec: Obj) -> Iterator[Slot]:
    """Yield the expressions of a policy of either kind but for its variables."""
    for i, condition in enumerate(spec.get("matchConditions") or ()):
        yield Slot(f"spec.matchConditions[{i}].expression", condition.get("expression") or "")
    for i, validation in enumerate(spec.get("validations") or ()):
        yield Slot(f"spec.validations[{i}].expression", validation.get("expression") or "")
        message = validation.get("messageExpression") or ""
        yield Slot(f"spec.validations[{i}].messageExpression", message, (STRING,), False)
    for i, annotation in enumerate(spec.get("auditAnnotations") or ()):
        value = annotation.get("valueExpression") or ""
        yield Slot(f"spec.auditAnnotations[{i}].valueExpression", value, (STRING, types.NULL))
    for i, mutation in enumerate(spec.get("mutations") or ()):
        apply, patch = (mutation.get(name) or {} for name in ("applyConfiguration", "jsonPatch"))
        made = Type("Object", open_fields=True)
        yield Slot(f"spec.mutations[{i}].applyConfiguration.expression", apply.get("expression") or "", (made,))
        yield Slot(f"spec.mutations[{i}].jsonPatch.expression", patch.get("expression") or "", (list_of(_PATCH),))


class PolicyPrograms:
    """A policy's expressions, compiled. Those that do not compile are among `problems`.

    `overrides` are variables whose types are known better; `any_result`: what an expression evaluates to does not matter.
    """

    def __init__(self, spec: Obj, overrides: Mapping[str, Type] | None = None, *, any_result: bool = False) -> None:
        self.problems: list[Problem] = []
        self.variables: dict[str, Program] = {}
        self._params = spec.get("paramKind") is not None
        self._overrides = dict(overrides or {})
        self._any_result = any_result
        fields: dict[str, Field] = {}
        self._variables_type = Type("kubernetes.variables", fields=fields)
        for i, variable in enumerate(spec.get("variables") or ()):
            name = variable.get("name") or ""
            program = self._compile(Slot(f"spec.variables[{i}].expression", variable.get("expression") or "", ()))
            if program is not None:
                self.variables[name] = program
            fields[name] = Field(name, program.type if program is not None else DYN)
        self._programs = {slot.path: program for slot in policy_slots(spec) if (program := self._compile(slot))}

    def at(self, path: str) -> Program | None:
        """Return the program of the expression at a path; None where there is none, or none that compiles."""
        return self._programs.get(path)

    def _compile(self, slot: Slot) -> Program | None:
        if not slot.expression.strip():
            return None
        usual = condition_environment(
            authorizer=slot.authorizer, params=self._params, variables=self._variables_type
        )  # fmt: skip
        environment = usual._replace(variables={**usual.variables, **self._overrides})
        try:
            program = compile(slot.expression, environment)
        except CelError as error:
            self.problems.append(Problem(slot.path, slot.expression, f"compilation failed: {error}"))
            return None
        if (
            slot.results
            and not self._any_result
            and program.type.name != "dyn"
            and not any(_fits(program.type, wanted) for wanted in slot.results)
        ):
            self.problems.append(Problem(slot.path, slot.expression, _wanted(slot.results)))
            return None
        return program


def _fits(found: Type, wanted: Type) -> bool:
    if found.name != wanted.name:
        return False
    return all(a.name == "dyn" or _fits(a, b) for a, b in zip(found.params, wanted.params, strict=True))


def _wanted(results: tuple[Type, ...]) -> str:
    if len(results) == 1:
        return f"must evaluate to {results[0]}"
    return f"must evaluate to one of [{' '.join(map(str, results))}]"


class Variables(Mapping[str, Any]):
    """`variables` during one evaluation: each is evaluated when it is first named, and keeps its value or failure."""

    def __init__(self, programs: Mapping[str, Program], known: Mapping[str, Any], budget: Budget) -> None:
        self._programs = programs
        self._known = known
        self._budget = budget
        self._values: dict[str, Any] = {}
        self._failures: dict[str, str] = {}

    def __getitem__(self, name: str) -> Any:
        if name in self._failures:
            raise CelEvaluationError(self._failures[name])
        if name not in self._values:
            try:
                self._values[name] = self._programs[name].evaluate({**self._known, "variables": self}, self._budget)
            except CelEvaluationError as error:
                self._failures[name] = f'composited variable "{name}" fails to evaluate: {error}'
                raise CelEvaluationError(self._failures[name]) from error
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._programs)

    def __len__(self) -> int:
        return len(self._programs)
