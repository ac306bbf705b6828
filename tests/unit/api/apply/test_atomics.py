"""What a configuration would replace as a whole."""

from __future__ import annotations

from typing import Any

import pytest

from kubern.api.apply.atomics import atomics
from kubern.api.apply.shapes import Shapes
from kubern.api.schema import Schemas


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({"replicas": 1, "template": {"metadata": {"labels": {"a": "b"}}}}, []),
        ({"selector": {"matchLabels": {"a": "b"}}}, [".spec.selector"]),
        ({"template": {"spec": {"nodeSelector": {"a": "b"}}}}, [".spec.template.spec.nodeSelector"]),
        ({"template": {"spec": {"containers": [{"name": "a", "env": [{"name": "A", "value": "1"}]}]}}}, []),
        ({"template": {"spec": {"containers": [{"name": "a"}, {"name": "b", "args": ["x"]}]}}},
         [".spec.template.spec.containers[1].args"]),
        ({"template": {"spec": {"tolerations": [], "volumes": [{"name": "v", "configMap": {"items": []}}]}}},
         [".spec.template.spec.tolerations", ".spec.template.spec.volumes[0].configMap.items"]),
    ],
)  # fmt: skip
def test_atomic_values_are_found(spec: dict[str, Any], paths: list[str]) -> None:
    shape = Shapes().of(Schemas()["io.k8s.api.apps.v1.Deployment"].type)
    assert list(atomics(shape, {"spec": spec})) == paths
