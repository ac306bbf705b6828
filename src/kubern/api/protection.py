"""The finalizers by which storage objects outlive their use: set at creation, taken away by the protection controllers."""

from __future__ import annotations

CLAIM, VOLUME = "kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"
ATTRIBUTES_CLASS = "kubernetes.io/vac-protection"
