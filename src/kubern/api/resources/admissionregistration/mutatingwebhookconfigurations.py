"""MutatingWebhookConfiguration: its facts, defaults and columns."""

from __future__ import annotations

from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.values import fill, items
from kubern.api.rules.webhooks import check_webhooks, default_webhooks
from kubern.base.json import Obj


def default(obj: Obj) -> None:
    """Fill the webhooks: besides what all have, they are asked once."""
    default_webhooks(obj)
    for _, webhook in items(obj, "webhooks"):
        fill(webhook, reinvocationPolicy="Never")


COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("Webhooks", lambda obj: len(obj.get("webhooks") or ()), "How many webhooks it has.", type="integer"),
    cells.AGE,
)


RESOURCE = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="MutatingWebhookConfiguration",
    plural="mutatingwebhookconfigurations",
    singular="mutatingwebhookconfiguration",
    namespaced=False,
    schema="io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration",
    categories=("api-extensions",),
    generation=True,
    columns=COLUMNS,
    default=default,
    validate=check_webhooks,
)
