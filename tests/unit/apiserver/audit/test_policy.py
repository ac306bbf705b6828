"""Which rule of a policy a request meets, and how the log's files are put aside."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubern.apiserver.audit.log import AuditLog, Rotation
from kubern.apiserver.audit.policy import judge, parse
from kubern.apiserver.identity import User
from kubern.apiserver.request_info import parse_request
from kubern.base.clock import FakeClock

ALICE = User("alice", ("team",))


def policy(*rules: Any, **more: Any) -> bytes:
    return yaml.safe_dump({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": list(rules)} | more).encode()


@pytest.mark.parametrize(
    ("rule", "request_line", "yes"),
    [
        ({}, "GET /api/v1/pods", True),
        ({}, "GET /version", True),
        ({"users": ["bob"]}, "GET /version", False),
        ({"userGroups": ["team", "other"]}, "GET /version", True),
        ({"verbs": ["list"]}, "GET /api/v1/pods", True),
        ({"verbs": ["watch"]}, "GET /api/v1/pods", False),
        ({"namespaces": ["a"]}, "GET /api/v1/namespaces/a/pods", True),
        ({"namespaces": [""]}, "GET /api/v1/nodes", True),
        ({"namespaces": ["a"]}, "GET /version", False),
        ({"resources": [{"resources": ["pods"]}]}, "GET /api/v1/pods", True),
        ({"resources": [{"resources": ["pods"]}]}, "GET /api/v1/namespaces/a/pods/x/log", False),
        ({"resources": [{"resources": ["pods/log"]}]}, "GET /api/v1/namespaces/a/pods/x/log", True),
        ({"resources": [{"resources": ["pods/*"]}]}, "GET /api/v1/namespaces/a/pods/x/log", True),
        ({"resources": [{"resources": ["*/log"]}]}, "GET /api/v1/namespaces/a/pods/x/log", True),
        ({"resources": [{"resources": ["*"]}]}, "GET /api/v1/namespaces/a/pods/x/log", True),
        ({"resources": [{"group": "apps"}]}, "GET /apis/apps/v1/deployments", True),
        ({"resources": [{"group": "apps"}]}, "GET /api/v1/pods", False),
        ({"resources": [{"resources": ["pods"], "resourceNames": ["x"]}]}, "GET /api/v1/namespaces/a/pods/y", False),
        ({"nonResourceURLs": ["/healthz*"]}, "GET /healthz/etcd", True),
        ({"nonResourceURLs": ["/healthz"]}, "GET /healthz/etcd", False),
        ({"nonResourceURLs": ["*"]}, "GET /api/v1/pods", False),
    ],
)
def test_rules(rule: dict[str, Any], request_line: str, yes: bool) -> None:
    method, path = request_line.split()
    rules = parse(policy({"level": "Request"} | rule))
    assert (judge(rules, ALICE, parse_request(method, path, "")).level == 2) is yes


def test_the_first_rule_decides_and_stages_add_up() -> None:
    rules = parse(
        policy(
            {"level": "Metadata", "users": ["alice"], "omitStages": ["ResponseStarted"], "omitManagedFields": False},
            {"level": "RequestResponse"},
            omitStages=["RequestReceived"], omitManagedFields=True,
        )
    )  # fmt: skip
    info = parse_request("GET", "/api/v1/pods", "")
    assert judge(rules, ALICE, info) == (1, {"RequestReceived", "ResponseStarted"}, False)
    assert judge(rules, User("bob"), info) == (3, {"RequestReceived"}, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "no YAML"),
        (b"kind: Other", "must be of kind Policy"),
        (policy(), "rules: Required value"),
        (policy({"level": "All"}), r"rules\[0\].level: Unsupported value"),
        (policy({"level": "None", "omitStages": ["Now"]}), r"rules\[0\].omitStages: Unsupported value"),
        (policy({"level": "None", "users": "bob"}), r"rules\[0\].users: Invalid value"),
        (policy({"level": "None", "nonResourceURLs": ["/a"], "namespaces": ["b"]}), "cannot apply to both"),
        (policy({"level": "None", "nonResourceURLs": ["a*"]}), r"nonResourceURLs\[0\]: Invalid value"),
        (policy({"level": "None", "resources": ["pods"]}), r"resources\[0\]: Invalid value"),
    ],
)
def test_bad_policies_name_the_field(text: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(text)


def test_large_files_are_put_aside_and_old_ones_forgotten(tmp_path: Path) -> None:
    clock = FakeClock()
    log = AuditLog(str(tmp_path / "audit.log"), Rotation(size=1, backups=2), clock)
    event = {"auditID": "x", "stage": "y" * (600 * 1024)}
    for _ in range(5):
        log.write(event)
        asyncio.run(clock.advance(5))
    log.close()
    files = sorted(file.name for file in tmp_path.iterdir())
    assert len(files) == 3
    assert files[-1] == "audit.log"
    assert (tmp_path / "audit.log").stat().st_mode & 0o777 == 0o600


def test_what_a_full_disk_loses_is_counted_told_once_and_leaves_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk has room for a line and a half, and later for all."""
    room, write = 150, os.write

    def limited(file: int, data: bytes) -> int:
        if len(data) > room - os.fstat(file).st_size <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[: room - os.fstat(file).st_size])

    log = AuditLog(str(tmp_path / "audit.log"), Rotation(), FakeClock())
    monkeypatch.setattr("kubern.apiserver.audit.log.os.write", limited)
    for name in "abcd":
        log.write({"auditID": name * 80})
    assert log.lost == 3
    room = 1000
    log.write({"auditID": "e"})
    log.close()
    lines = [json.loads(line)["auditID"] for line in (tmp_path / "audit.log").read_text().splitlines()]
    assert lines == ["a" * 80, "e"]
    assert [record.message for record in caplog.records] == ["audit events cannot be written"]


def test_a_log_that_cannot_be_put_aside_goes_on(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    log = AuditLog(str(directory / "audit.log"), Rotation(size=1), FakeClock())
    event = {"auditID": "x", "stage": "y" * (600 * 1024)}
    log.write(event)
    (directory / "audit.log").unlink()  # there is nothing to be put aside
    log.write(event)
    assert log.lost == 1
    (directory / "audit.log").write_text("")
    log.write({"auditID": "y", "stage": event["stage"]})
    log.write({"auditID": "z"})
    log.close()
    assert log.lost == 1
    assert json.loads((directory / "audit.log").read_text().splitlines()[-1])["auditID"] == "z"
