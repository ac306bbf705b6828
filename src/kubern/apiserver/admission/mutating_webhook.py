"""MutatingAdmissionWebhook: servers that the cluster's users name change objects before they are stored.

Asked after the plug-ins of our own; when a webhook has changed an object, those run once more.
"""

from __future__ import annotations

from kubern.apiserver.admission_chain import Admission
from kubern.apiserver.webhooks.dispatch import mutate

ADMISSION = Admission(
    "MutatingAdmissionWebhook", 800, ("CREATE", "UPDATE", "DELETE", "CONNECT"), mutate=mutate, subresources=("*",)
)
