"""Which nodes are dead, by rules and by their own annotation."""

import pytest

from kubern.simulation.silence import read

RULES = """
- first: 10
  script: {silent: true}
- selector: {matchLabels: {rack: spare}}
  script: {silent: false}
- selector: {matchLabels: {rack: broken}}
  first: 20
  script: {silent: true}
"""


def node(name, rack="", silent=None):
    annotations = {} if silent is None else {"simulation.kubern/silent": silent}
    return {"metadata": {"name": name, "labels": {"rack": rack}, "annotations": annotations}}


@pytest.mark.parametrize(
    ("held", "silent"),
    [
        (node("virtual-1"), True),
        (node("virtual-10"), True),
        (node("virtual-11"), False),
        (node("other"), False),
        (node("virtual-1", "spare"), False),
        (node("virtual-20", "broken"), True),
        (node("virtual-21", "broken"), False),
        (node("virtual-1", silent="false"), False),
        (node("virtual-30", silent="true"), True),
        (None, False),
    ],
)
def test_which_nodes_are_silent(held, silent):
    assert read({"data": {"nodes.yaml": RULES}}).of(held) is silent


@pytest.mark.parametrize("data", [None, {}, {"pods.yaml": RULES}])
def test_without_rules_none_is(data):
    found = read({"data": data})
    assert (found.of(node("virtual-1")), found.errors) == (False, ())


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", "nodes.yaml: "),
        ("a: b", "nodes.yaml: not a list of rules"),
        ("- first: 1", "nodes.yaml[0]: script"),
        ("- script: {silent: 1}", "nodes.yaml[0]: script"),
        ("- script: {silent: true, log: a}", "nodes.yaml[0]: script"),
        ("- {first: 0, script: {silent: true}}", "nodes.yaml[0]: first"),
        ("- {first: true, script: {silent: true}}", "nodes.yaml[0]: first"),
        ("- {count: 1, script: {silent: true}}", "nodes.yaml[0]: unknown: count"),
        (
            "- {selector: [], script: {silent: true}}\n- {selector: 1, script: {silent: true}}",
            "nodes.yaml[1]: selector",
        ),
    ],
)
def test_what_cannot_be_read_is_said(text, error):
    found = read({"data": {"nodes.yaml": text}})
    assert len(found.errors) == 1
    assert found.errors[0].startswith(error)
