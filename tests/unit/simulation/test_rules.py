"""Scripts by label selector."""

import pytest

from kubern.simulation.answers import Answer, answer_of
from kubern.simulation.rules import Rules, read
from kubern.simulation.script import script_of

TEXT = """
- selector: {matchLabels: {app: web}}
  script:
    start-after: 1.5
    exit-code: 3
    exec: {hostname: web-0}
- namespace: other
  script: {start-after: 9}
- selector: {matchExpressions: [{key: tier, operator: In, values: [slow]}]}
  script: {start-after: 5}
"""


def rules(text):
    return read({"data": {"pods.yaml": text}})


def pod(labels, namespace="default", **annotations):
    said = {f"simulation.kubern/{name.replace('_', '-')}": value for name, value in annotations.items()}
    meta = {"name": "p", "uid": "u", "namespace": namespace, "labels": labels, "annotations": said}
    return {"metadata": meta, "spec": {"containers": [{"name": "c"}]}}


@pytest.mark.parametrize(
    ("made", "start_after", "exit_code"),
    [
        (pod({}), 0, 0),
        (pod({"app": "web"}), 1.5, 3),
        (pod({"app": "web"}, "other"), 9, 3),
        (pod({"app": "web", "tier": "slow"}), 5, 3),
        (pod({"app": "web"}, start_after="7"), 7, 3),
    ],
    ids=["none", "by label", "by namespace too", "the later one", "its own annotation"],
)
def test_rules_are_laid_over_each_other_and_the_pod_over_all(made, start_after, exit_code):
    script = script_of(rules(TEXT).applied(made))
    assert (script.start_after, script.exit_code) == (start_after, exit_code)


def test_answers_to_commands_may_be_written_as_a_map():
    applied = rules(TEXT).applied(pod({"app": "web"}))
    assert answer_of(applied["metadata"]["annotations"], ["hostname"]) == Answer("web-0\n")


def test_a_pod_that_no_rule_selects_is_the_same_object():
    made = pod({})
    assert rules(TEXT).applied(made) is made
    assert read(None) == Rules()


@pytest.mark.parametrize(
    "text",
    [
        "[", "a: b", "- a", "- {selector: {}}", "- {script: {}, when: now}", "- {script: {}, selector: app=web}",
        "- {script: {}, selector: {matchLabels: [a]}}", "- {script: {}, selector: {matchExpressions: [{key: a}]}}",
        "- {script: {}, selector: {matchExpressions: a}}", "- {script: {}, selector: {app: web}}",
        "- {script: {}, selector: {matchExpressions: [{key: a, operator: In, values: b}]}}",
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_read_is_left_out_and_said_so(text):
    found = rules(text)
    assert not found.rules
    assert len(found.errors) == 1


def test_the_others_count_still():
    found = rules("- {script: {exit-code: 4}}\n- nonsense\n")
    assert script_of(found.applied(pod({}))).exit_code == 4
    assert found.errors == ("pods.yaml[1]: no script",)
