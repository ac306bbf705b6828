"""Between the connections and the apiserver, where an audit policy is set: every request gets a record, and its stages become events.

What always holds: an event is written before the answer that it tells of is sent; the handler itself knows nothing of this.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kubern.apiserver.audit.log import AuditLog, Rotation
from kubern.apiserver.audit.policy import LEVELS, Rule, judge, parse
from kubern.apiserver.audit.record import CURRENT, REQUEST_RESPONSE, Record, status_of
from kubern.apiserver.config import Config
from kubern.apiserver.connections import told
from kubern.apiserver.identity import User
from kubern.apiserver.request_info import parse_request
from kubern.base.clock import Clock
from kubern.base.json import Obj
from kubern.base.metrics import Family, single
from kubern.http.contract import Answer, Handler, Request, Response, Stream, StreamWriter
from kubern.http.pieces import Joined

if TYPE_CHECKING:
    from kubern.apiserver.audit.webhook import AuditWebhook

NOBODY = User("")
FLUSH_WITHIN = 5.0
"""Seconds that the last events may take on their way to the webhook."""
_log = logging.getLogger(__name__)


class Auditing:
    """A handler that writes down what `handler` is asked and answers, in a file, for a webhook, or both."""

    def __init__(
        self, handler: Handler, rules: Sequence[Rule], log: AuditLog | None, webhook: AuditWebhook | None, clock: Clock
    ) -> None:
        self._handler, self._rules, self._clock = handler, rules, clock
        self._log, self._webhook = log, webhook
        self._events = 0
        self._levels: Counter[int] = Counter()

    async def run(self) -> None:
        """Send events to the webhook, if there is one, until cancelled."""
        if self._webhook:
            await self._webhook.run()

    async def close(self) -> None:
        """Send the webhook what it has not been sent yet; the file stays open for the answers that end last."""
        if self._webhook:
            try:
                async with asyncio.timeout(FLUSH_WITHIN):
                    await self._webhook.flush()
            except TimeoutError:
                _log.error("the audit webhook does not answer: the last events are lost")

    def families(self) -> Iterator[Family]:
        """Yield how much was written down."""
        help_text = "Counter of audit events generated and sent to the audit backend."
        yield single("apiserver_audit_event_total", "counter", help_text, self._events)
        yield Family(
            "apiserver_audit_level_total", "counter", "Counter of policy levels for audit events (1 per request).",
            ("level",), {(LEVELS[level],): count for level, count in self._levels.items()},
        )  # fmt: skip
        yield Family(
            "apiserver_audit_error_total", "counter",
            "Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.",
            ("plugin",), {(name,): plugin.lost for name, plugin in (("log", self._log), ("webhook", self._webhook)) if plugin},
        )  # fmt: skip

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
            whole = record.verdict.level >= REQUEST_RESPONSE or not isinstance(answer.body, Joined)
            body = bytes(answer.body) if whole else b""  # a long list is put together only to be written down
            self._write(record, "ResponseComplete", now, status_of(answer.status, body), body)
            return answer._replace(headers=(*answer.headers, ("audit-id", record.id)))
        status: Obj = {"metadata": {}, "code": answer.status if isinstance(answer, Stream) else 101}
        self._write(record, "ResponseStarted", now, status)
        if isinstance(answer, Stream):
            return self._streamed(record, answer, status)
        return told(answer, lambda: None, lambda: self._write(record, "ResponseComplete", self._clock.now(), status))

    def _begin(self, record: Record) -> None:
        """Ask the policy, and write down that the request has come; as soon as it is known who asks."""
        if record.begun:
            return
        record.begun = True
        record.verdict = judge(self._rules, record.user or NOBODY, record.info)
        self._levels[record.verdict.level] += 1
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
        if stage in record.verdict.omitted:
            return
        event = record.event(stage, now, status, body)
        self._events += 1
        if self._log:
            self._log.write(event)
        if self._webhook:
            self._webhook.write(event)


def audited(handler: Handler, config: Config, clock: Clock) -> Auditing | None:
    """Return what audits a handler, if a policy and a place for the events are set. Raises `OSError`, and `ValueError` that names
    file and field."""
    file: Path | None = config.audit_policy_file
    if file is None or not (config.audit_log_path or config.audit_webhook_config_file):
        return None
    try:
        rules = parse(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    return Auditing(handler, rules, _log_of(config, clock), _webhook_of(config, clock), clock)


def _log_of(config: Config, clock: Clock) -> AuditLog | None:
    if config.audit_log_format not in ("json", "legacy"):
        raise ValueError(f"--audit-log-format: {config.audit_log_format!r} must be json or legacy")
    rotation = Rotation(config.audit_log_maxsize, config.audit_log_maxbackup, config.audit_log_maxage)
    return AuditLog(config.audit_log_path, rotation, clock, config.audit_log_format) if config.audit_log_path else None


def _webhook_of(config: Config, clock: Clock) -> AuditWebhook | None:
    if config.audit_webhook_config_file is None:
        return None
    from kubern.apiserver.audit.webhook import AuditWebhook, Batching
    from kubern.apiserver.audit.webhook_config import read_receiver

    batching = Batching(
        config.audit_webhook_batch_buffer_size,
        config.audit_webhook_batch_max_size,
        config.audit_webhook_batch_max_wait,
        config.audit_webhook_initial_backoff,
    )
    return AuditWebhook(read_receiver(config.audit_webhook_config_file), batching, clock)
