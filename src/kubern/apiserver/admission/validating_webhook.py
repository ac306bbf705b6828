"""ValidatingAdmissionWebhook: servers that the cluster's users name refuse what they do not want. Before quotas are charged."""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission
from kubern.apiserver.webhooks.dispatch import validate

ADMISSION = Admission(
    "ValidatingAdmissionWebhook", 980, ("CREATE", "UPDATE", "DELETE", "CONNECT"), validate=validate, subresources=("*",)
)
