"""Dockerfiles: what is read, what is refused."""

import pytest

from kubern.cluster.images.dockerfile import DockerfileError, expand, pairs, parse, words


def test_lines_are_joined_and_comments_left_out():
    found = parse(
        "# syntax=x\nFROM scratch AS a\n\nRUN one && \\\n  # in between\n  two\nCOPY --from=a --chown=1:2 /x /y\n"
    )
    assert [(i.line, i.name, dict(i.flags), i.rest) for i in found] == [
        (2, "FROM", {}, "scratch AS a"),
        (4, "RUN", {}, "one && two"),
        (7, "COPY", {"from": "a", "chown": "1:2"}, "/x /y"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("FROM scratch\nFRBO x", "line 2: unknown instruction FRBO"),
        ("RUN x", "no FROM"),
        ("FROM scratch\nCOPY", "line 2: COPY needs arguments"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_line(text, message):
    with pytest.raises(DockerfileError, match=message):
        parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$a-${a}", "1-1"),
        ("${b:-two}", "two"),
        ("${a:+yes}${b:+no}", "yes"),
        ("\\$a", "$a"),
        ("$b.", "."),
    ],
)
def test_variables(text, expected):
    assert expand(text, {"a": "1"}) == expected


def test_pairs_and_words():
    env, old, cmd, shell = parse('FROM x\nENV A=1 B="two words" C=$D\nENV A one value\nCMD ["a", "b c"]\nCMD a b')[1:]
    assert pairs(env, {"D": "d"}) == {"A": "1", "B": "two words", "C": "d"}
    assert pairs(old, {}) == {"A": "one value"}
    assert (words(cmd), words(shell)) == (["a", "b c"], None)
