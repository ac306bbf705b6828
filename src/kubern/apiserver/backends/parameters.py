"""Query parameters of the connecting subresources: PodLogOptions, PodExecOptions, PodAttachOptions, PodPortForwardOptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode

from kubern.base.clock import parse_time
from kubern.base.errors import BadRequest, Cause, Invalid
from kubern.base.json import Obj

Query = Mapping[str, Sequence[str]]

_POSITIVE = "must be greater than 0"


class LogParameters(NamedTuple):
    """Checked PodLogOptions: the container, the query that the kubelet gets, and whether its certificate is trusted unseen."""

    container: str
    query: str
    insecure: bool


def first(query: Query, key: str) -> str:
    """Return a parameter's first value, empty when it is not given."""
    return next(iter(query.get(key) or ()), "")


def flag(query: Query, key: str, default: bool = False) -> bool:
    """Return a boolean parameter as upstream reads it: given and neither `false` nor `0` is true."""
    values = query.get(key)
    return values[0].lower() not in ("false", "0") if values else default


def number(query: Query, key: str) -> int | None:
    """Return an integer parameter, None when it is not given. Raises `BadRequest`."""
    text = first(query, key)
    if not text:
        return None
    try:
        value = int(text)
    except ValueError:
        value = None
    if value is None or not text.lstrip("+-").isdigit() or not text.isascii():
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if not -(1 << 63) <= value < 1 << 63:
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": value out of range')
    return value


def log_parameters(query: Query, pod_name: str) -> LogParameters:
    """Read and check PodLogOptions. Raises `BadRequest` and `Invalid`."""
    numbers = {key: number(query, key) for key in ("tailLines", "limitBytes", "sinceSeconds")}
    since_time, stream = first(query, "sinceTime"), first(query, "stream") or "All"
    if since_time:
        try:
            parse_time(since_time)
        except ValueError:
            raise BadRequest(
                f'parsing time "{since_time}" as "2006-01-02T15:04:05Z07:00": cannot parse "{since_time}" as "2006"'
            ) from None
    causes = _log_causes(numbers, since_time, stream)
    if causes:
        raise _invalid("PodLogOptions", pod_name, causes)
    passed = {key: str(value) for key, value in numbers.items() if value is not None}
    passed |= {key: "true" for key in ("follow", "previous", "timestamps") if flag(query, key)}
    if since_time:
        passed["sinceTime"] = since_time
    if stream != "All":
        passed["stream"] = stream
    return LogParameters(first(query, "container"), urlencode(passed), flag(query, "insecureSkipTLSVerifyBackend"))


def _log_causes(numbers: Mapping[str, int | None], since_time: str, stream: str) -> list[Cause]:
    causes = []
    tail, limit, since = numbers["tailLines"], numbers["limitBytes"], numbers["sinceSeconds"]
    if tail is not None and tail < 0:
        causes.append(_invalid_value("tailLines", tail, "must be greater than or equal to 0"))
    if limit is not None and limit < 1:
        causes.append(_invalid_value("limitBytes", limit, _POSITIVE))
    if since is not None and since_time:
        message = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        causes.append(Cause("FieldValueForbidden", message, "sinceSeconds"))
    elif since is not None and since < 1:
        causes.append(_invalid_value("sinceSeconds", since, _POSITIVE))
    if stream not in ("All", "Stdout", "Stderr"):
        message = f'Unsupported value: "{stream}": supported values: "All", "Stderr", "Stdout"'
        causes.append(Cause("FieldValueNotSupported", message, "stream"))
    elif stream != "All" and tail is not None:
        message = "Forbidden: `tailLines` and specific `stream` are mutually exclusive for now"
        causes.append(Cause("FieldValueForbidden", message, ""))
    return causes


def _invalid_value(field: str, value: int, message: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {value}: {message}", field)


def _invalid(kind: str, name: str, causes: list[Cause]) -> Invalid:
    texts = [f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    return Invalid(f'{kind} "{name}" is invalid: {listed}', kind=kind, name=name, causes=causes)


class StreamParameters(NamedTuple):
    """Checked PodExecOptions or PodAttachOptions."""

    container: str
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool
    command: tuple[str, ...]

    def options(self, with_command: bool) -> Obj:
        """The fields of the API's PodExecOptions, or of PodAttachOptions, which have no command."""
        fields = self._asdict() | {"command": list(self.command)}
        return fields if with_command else {key: value for key, value in fields.items() if key != "command"}

    @property
    def query(self) -> str:
        """The query that the kubelet gets: its names for the streams are older than the API's."""
        pairs = [("input", self.stdin), ("output", self.stdout), ("error", self.stderr), ("tty", self.tty)]
        return urlencode([(key, "1") for key, wish in pairs if wish] + [("command", word) for word in self.command])


def stream_parameters(query: Query) -> StreamParameters:
    """Read the streams of an exec or attach; output and errors are wanted unless switched off."""
    return StreamParameters(
        first(query, "container"), flag(query, "stdin"), flag(query, "stdout", True), flag(query, "stderr", True),
        flag(query, "tty"), tuple(query.get("command") or ()),
    )  # fmt: skip


def port_parameters(query: Query) -> str:
    """Read PodPortForwardOptions; returns the query that the kubelet gets. Raises `BadRequest`."""
    return urlencode([("port", str(port)) for port in port_numbers(query)])


def port_numbers(query: Query) -> list[int]:
    """Read the ports of PodPortForwardOptions. Raises `BadRequest`."""
    ports = []
    for value in query.get("ports") or ():
        for text in value.split(","):
            port = number({"ports": [text]}, "ports")
            if port is not None:
                ports.append(port)
    return ports
