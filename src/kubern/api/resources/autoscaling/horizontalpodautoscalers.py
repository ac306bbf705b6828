"""HorizontalPodAutoscaler: its facts, defaults, checks and columns."""

from __future__ import annotations

from kubern.api.resource import STATUS, OtherVersion, Resource

RESOURCE = Resource(
    group="autoscaling",
    version="v2",
    kind="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
    singular="horizontalpodautoscaler",
    namespaced=True,
    schema="io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
    other_versions=(OtherVersion("v1", "io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler"),),
    short_names=("hpa",),
    categories=("all",),
    subresources=(STATUS,),
)
