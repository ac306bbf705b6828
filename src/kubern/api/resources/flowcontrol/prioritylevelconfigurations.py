"""PriorityLevelConfiguration: its facts, defaults, checks and columns."""

from __future__ import annotations

import math

from kubern.api import field
from kubern.api.resource import STATUS, Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.checks import not_negative, one_of
from kubern.api.rules.values import at, fill, fill_empty, part, section
from kubern.base.errors import Cause
from kubern.base.json import Obj

_KINDS = ("Exempt", "Limited")
_SHARES = 30
_MOST_QUEUES, _HASH_BITS = 10_000_000, 60
"""A hand of queues is dealt from the bits of one hash of the flow."""
_QUEUING = {"queues": 64, "queueLengthLimit": 50, "handSize": 8}


def default(obj: Obj) -> None:
    """Fill a PriorityLevelConfiguration: 30 shares; 64 queues of 50 requests."""
    spec = section(obj, "spec")
    if spec.get("type") == "Exempt":
        fill(section(spec, "exempt"), nominalConcurrencyShares=0, lendablePercent=0)
    limited = spec.get("limited")
    if limited is None:
        return
    fill(limited, nominalConcurrencyShares=_SHARES, lendablePercent=0)
    response = section(limited, "limitResponse")
    if response.get("type") == "Queue" and response.get("queuing") is not None:
        fill_empty(response["queuing"], **_QUEUING)


def validate(obj: Obj) -> list[Cause]:
    """Return what is wrong with a PriorityLevelConfiguration."""
    spec = part(obj, "spec")
    kind = spec.get("type") or ""
    causes = one_of(spec, "type", "spec.", _KINDS)
    if kind in _KINDS and (obj["metadata"].get("name") == "exempt") != (kind == "Exempt"):
        causes.append(field.invalid("spec.type", kind, "type must be 'Exempt' if and only if name is 'exempt'"))
    if kind == "Limited" and spec.get("limited") is None:
        causes.append(field.required("spec.limited", "must not be empty when type is Limited"))
    if kind == "Exempt" and spec.get("limited") is not None:
        causes.append(field.forbidden("spec.limited", "must be nil if the type is not Limited"))
    if kind == "Limited" and spec.get("exempt") is not None:
        causes.append(field.forbidden("spec.exempt", "must be nil if the type is Limited"))
    if spec.get("limited") is not None:
        causes += _check_limited(spec["limited"], "spec.limited.")
    return causes


def _check_limited(limited: Obj, path: str) -> list[Cause]:
    causes = not_negative(limited, "nominalConcurrencyShares", path)
    percent = limited.get("lendablePercent")
    if percent is not None and not 0 <= percent <= 100:
        causes.append(field.invalid(f"{path}lendablePercent", percent, "must be between 0 and 100, inclusive"))
    response = part(limited, "limitResponse")
    causes += one_of(response, "type", f"{path}limitResponse.", ("Queue", "Reject"))
    queuing, here = response.get("queuing"), f"{path}limitResponse.queuing"
    if response.get("type") == "Queue" and queuing is None:
        causes.append(field.required(here, "must not be empty if limited.limitResponse.type is Limited"))
    if response.get("type") == "Reject" and queuing is not None:
        causes.append(field.forbidden(here, "must be nil if limited.limitResponse.type is not Limited"))
    for name in _QUEUING:
        if queuing is not None and (queuing.get(name) or 0) <= 0:
            causes.append(field.invalid(f"{here}.{name}", queuing.get(name) or 0, "must be positive"))
    queues, hand = ((queuing or {}).get(name) or 0 for name in ("queues", "handSize"))
    if queues > _MOST_QUEUES:
        causes.append(field.invalid(f"{here}.queues", queues, f"must not be greater than {_MOST_QUEUES}"))
    if hand > queues > 0:
        causes.append(field.invalid(f"{here}.handSize", hand, f"should not be greater than queues ({queues})"))
    elif hand > 0 < queues and math.ceil(math.log2(queues) * hand) > _HASH_BITS:
        message = (
            f"required entropy bits of deckSize {queues} and handSize {hand} should not be greater than {_HASH_BITS}"
        )
        causes.append(field.invalid(f"{here}.handSize", hand, message))
    return causes


def _shares(obj: Obj) -> str:
    kind = "exempt" if at(obj, "spec.type") == "Exempt" else "limited"
    shares = at(obj, f"spec.{kind}.nominalConcurrencyShares")
    return cells.NONE if shares is None else str(shares)


_RESPONSE = "spec.limited.limitResponse.queuing"
COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.text("Type", "spec.type", "Whether its requests are limited."),
    cells.column("NominalConcurrencyShares", _shares, "Its share of the seats."),
    cells.text("Queues", f"{_RESPONSE}.queues", "How many queues it has.", missing=cells.NONE),
    cells.text("HandSize", f"{_RESPONSE}.handSize", "How many queues a flow may use.", missing=cells.NONE),
    cells.text("QueueLengthLimit", f"{_RESPONSE}.queueLengthLimit", "How long a queue gets.", missing=cells.NONE),
    cells.AGE,
)


RESOURCE = Resource(
    group="flowcontrol.apiserver.k8s.io",
    version="v1",
    kind="PriorityLevelConfiguration",
    plural="prioritylevelconfigurations",
    singular="prioritylevelconfiguration",
    namespaced=False,
    schema="io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration",
    subresources=(STATUS,),
    generation=True,
    columns=COLUMNS,
    default=default,
    validate=validate,
)
