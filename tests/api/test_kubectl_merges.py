"""kubectl's own merge of three versions, what was applied, what is there and what is wanted: properties over drawn manifests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

LABELS = {"app": "web"}
examples = settings(
    max_examples=6, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip

# kubectl calls an object with an empty list or map configured for ever: what is served has none
word = st.sampled_from(["x", "y", "z"])
texts = st.dictionaries(word, word, min_size=1, max_size=2)


def _listed(items: Any, key: str) -> Any:
    return st.lists(items, min_size=1, max_size=2, unique_by=lambda item: item[key])


container = st.fixed_dictionaries(
    {"name": word, "image": word},
    optional={
        "env": _listed(st.fixed_dictionaries({"name": word, "value": word}), "name"),
        "args": st.lists(word, min_size=1, max_size=2),
        "ports": _listed(st.fixed_dictionaries({"containerPort": st.integers(1, 3)}), "containerPort"),
        "resources": st.fixed_dictionaries(
            {"limits": st.dictionaries(st.sampled_from(["cpu", "memory"]), st.just("1"), min_size=1)}
        ),
    },
)
specs = st.fixed_dictionaries(
    {"containers": _listed(container, "name")},
    optional={
        "nodeSelector": texts,
        "volumes": _listed(
            st.builds(
                lambda name, source: {"name": name, **source},
                word,
                st.sampled_from([{"emptyDir": {}}, {"hostPath": {"path": "/a"}}, {"configMap": {"name": "c"}}]),
            ),
            "name",
        ),
        "tolerations": st.lists(st.just({"key": "k", "operator": "Exists"}), min_size=1, max_size=1),
    },
)  # fmt: skip


def _manifest(name: str, namespace: str, spec: dict[str, Any], annotations: dict[str, str]) -> str:
    template = {"metadata": {"labels": LABELS}, "spec": spec}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations},
        "spec": {"selector": {"matchLabels": LABELS}, "template": template},
    }
    return json.dumps(body)


def _said(obj: dict[str, Any]) -> Any:
    metadata = obj["metadata"]
    annotations = {key: value for key, value in metadata["annotations"].items() if "kubernetes.io" not in key}
    return annotations, obj["spec"]


@pytest.mark.parametrize("kubectl_minor", ["1.36"], indirect=True)
def test_an_applied_change_leads_to_what_is_wanted_and_once_there_changes_nothing(
    api: Any, namespace: str, kubectl_minor: str
) -> None:
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    count = 0

    @examples
    @given(specs, specs, texts, texts)
    def check(before: Any, after: Any, notes: dict[str, str], others: dict[str, str]) -> None:
        nonlocal count
        count += 1
        changed, fresh = f"changed-{count}", f"fresh-{count}"
        for name, spec, said in ((changed, before, notes), (changed, after, others), (fresh, after, others)):
            done = api.kubectl("apply", "-f", "-", stdin=_manifest(name, namespace, spec, said))
            assert done.returncode == 0, done.stderr
        once, new = (api("GET", f"{path}/{name}").body for name in (changed, fresh))
        assert _said(once) == _said(new)
        again = api.kubectl("apply", "-f", "-", stdin=_manifest(changed, namespace, after, others))
        assert again.stdout == f"deployment.apps/{changed} unchanged\n"
        assert api("GET", f"{path}/{changed}").body == once

    check()
