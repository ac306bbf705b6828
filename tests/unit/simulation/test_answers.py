"""What annotations say of logs and commands."""

import pytest

from kubern.simulation.answers import Answer, answer_of, log_of

SCRIPT = "hostname: web-0\ncat /etc/x: {stdout: a, stderr: b, exit-code: 3, after: 0.5}\nnothing:\nnumber: 5\n"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["hostname"], Answer("web-0\n")),
        (["cat", "/etc/x"], Answer("a\n", "b\n", 3, 0.5)),
        (["nothing"], Answer()),
        (["number"], Answer("5\n")),
        (["ls", "-l"], Answer("", "ls: command not found\n", 127)),
        ([], Answer("", ": command not found\n", 127)),
    ],
)
def test_a_command_answers_what_is_scripted(command, expected):
    assert answer_of({"simulation.kubern/exec": SCRIPT}, command) == expected


def test_any_other_command_has_an_answer_of_its_own():
    said = {"simulation.kubern/exec": '{"a b": "1", "*": {"exit-code": 2}}'}
    assert answer_of(said, ["a", "b"]) == Answer("1\n")
    assert answer_of(said, ["c"]) == Answer(exit_code=2)


@pytest.mark.parametrize(
    "text", ["[", "- a", "text", "", "a: {exit-code: 999, after: -1}", "a: {exit-code: x, after: [1]}"]
)
def test_what_cannot_be_read_counts_as_absent(text):
    assert answer_of({"simulation.kubern/exec": text}, ["a"]).exit_code in (0, 127)
    assert answer_of({"simulation.kubern/exec": text}, ["a"]).after == 0


def test_log_lines_and_their_pace():
    said = {"simulation.kubern/log": "one\ntwo", "simulation.kubern/log-every": "1..3"}
    lines, every = log_of(said, "u")
    assert lines == ("one", "two")
    assert 1 <= every <= 3
    assert log_of({}, "u") == ((), 0.0)
