"""ValidatingWebhookConfiguration: its facts and columns."""

from __future__ import annotations

from kubern.api.resource import Column, Resource
from kubern.api.rules import cells
from kubern.api.rules.webhooks import check_webhooks, default_webhooks

COLUMNS: tuple[Column, ...] = (
    cells.NAME,
    cells.column("Webhooks", lambda obj: len(obj.get("webhooks") or ()), "How many webhooks it has.", type="integer"),
    cells.AGE,
)


RESOURCE = Resource(
    group="admissionregistration.k8s.io",
    version="v1",
    kind="ValidatingWebhookConfiguration",
    plural="validatingwebhookconfigurations",
    singular="validatingwebhookconfiguration",
    namespaced=False,
    schema="io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration",
    categories=("api-extensions",),
    generation=True,
    columns=COLUMNS,
    default=default_webhooks,
    validate=check_webhooks,
)
