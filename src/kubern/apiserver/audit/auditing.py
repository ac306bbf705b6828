"""Between the connections and the apiserver, where an audit policy is set: every request gets a record, and its stages become events.

What always holds: an event is written before the answer that it tells of is sent; the handler itself knows nothing of this.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Sequence
from datetime import datetime
from pathlib import Path

from kubern.apiserver.audit.log import AuditLog, Rotation
from kubern.apiserver.audit.policy import Rule, judge, parse
from kubern.apiserver.audit.record import CURRENT, Record, status_of
from kubern.apiserver.config import Config
from kubern.apiserver.identity import User
from kubern.apiserver.request_info import parse_request
from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.http.contract import Answer, Handler, Request, Response, Stream, StreamWriter

NOBODY = User("")


class Auditing:
    """A handler that writes down what `handler` is asked and answers."""

    def __init__(self, handler: Handler, rules: Sequence[Rule], log: AuditLog, clock: Clock) -> None:
        self._handler, self._rules, self._log, self._clock = handler, rules, log, clock

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        """Answer a request as the handler does."""
        record = Record(request, parse_request(request.method, request.path, request.query), self._clock.now())
        token = CURRENT.set(record)
        try:
            answer = self._handler(request)
        finally:
            CURRENT.reset(token)
        return self._later(record, answer) if inspect.isawaitable(answer) else self._answered(record, answer)

    async def _later(self, record: Record, answer: Awaitable[Answer]) -> Answer:
        if record.user is not None:
            self._begin(record)
        token = CURRENT.set(record)  # for the code that runs below this await
        try:
            done = await answer
        finally:
            CURRENT.reset(token)
        return self._answered(record, done)

    def _answered(self, record: Record, answer: Answer) -> Answer:
        self._begin(record)
        if not record.verdict.level:
            return answer
        now = self._clock.now()
        if isinstance(answer, Response):
            body = bytes(answer.body)
            self._write(record, "ResponseComplete", now, status_of(answer.status, body), body)
            return answer._replace(headers=(*answer.headers, ("audit-id", record.id)))
        status: Obj = {"metadata": {}, "code": answer.status if isinstance(answer, Stream) else 101}
        self._write(record, "ResponseStarted", now, status)
        return self._streamed(record, answer, status) if isinstance(answer, Stream) else answer

    def _begin(self, record: Record) -> None:
        """Ask the policy, and write down that the request has come; as soon as it is known who asks."""
        if record.begun:
            return
        record.begun = True
        record.verdict = judge(self._rules, record.user or NOBODY, record.info)
        if record.verdict.level:
            self._write(record, "RequestReceived", record.received)

    def _streamed(self, record: Record, stream: Stream, status: Obj) -> Stream:
        def start(writer: StreamWriter) -> None:
            stream.start(writer)

        def stop() -> None:
            self._write(record, "ResponseComplete", self._clock.now(), status)
            stream.stop()

        return stream._replace(headers=(*stream.headers, ("audit-id", record.id)), start=start, stop=stop)

    def _write(
        self, record: Record, stage: str, now: datetime, status: Obj | None = None, body: bytes | None = None
    ) -> None:  # fmt: skip
        if stage not in record.verdict.omitted:
            self._log.write(record.event(stage, now, status, body))


def audited(handler: Handler, config: Config, clock: Clock) -> Handler:
    """Return the handler with an audit log around it, if one is set. Raises `OSError`, and `ValueError` that names file and field."""
    file: Path | None = config.audit_policy_file
    if file is None or not config.audit_log_path:
        return handler
    try:
        rules = parse(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if config.audit_log_format not in ("json", "legacy"):
        raise ValueError(f"--audit-log-format: {config.audit_log_format!r} must be json or legacy")
    rotation = Rotation(config.audit_log_maxsize, config.audit_log_maxbackup, config.audit_log_maxage)
    return Auditing(
        handler, rules, AuditLog(config.audit_log_path, rotation, clock, config.audit_log_format), clock
    ).handle
