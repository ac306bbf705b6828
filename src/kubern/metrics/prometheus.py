"""Questions to a Prometheus server: from a metric's name and a selector to PromQL, and from its answer to values.

Used by the custom and the external metrics. What always holds: nothing that a user writes gets into a query but as a quoted value or a
checked name; an answer is bounded. Source: the Prometheus documentation, "HTTP API" and "Querying".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from kubern.base.errors import BadRequest, ServiceUnavailable

if TYPE_CHECKING:
    import aiohttp

RATE_SUFFIX, WINDOW = "_per_second", 120.0
"""`x_per_second` is the rate of the counter `x_total` over so many seconds."""
_ANSWER_LIMIT, _SERIES_LIMIT, _SECONDS = 4 << 20, 1000, 10.0
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_TERM = re.compile(
    r"""\s*(?:
        !\s*(?P<absent>[^\s,=!()]+)
      | (?P<key>[^\s,=!()]+)\s*(?:
            (?P<set>\bin\b|\bnotin\b)\s*\((?P<values>[^()]*)\)
          | (?P<operator>==|=|!=)\s*(?P<value>[^\s,=!()]*)
        )?
    )\s*(?:,|$)""",
    re.VERBOSE,
)


class Sample(NamedTuple):
    """One series' value at `time` (seconds since 1970)."""

    labels: Mapping[str, str]
    value: float
    time: float


class Matcher(NamedTuple):
    """One condition of a query. Operators are `=`, `!=`, `=~`, `!~`."""

    label: str
    operator: str
    value: str

    def __str__(self) -> str:
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.operator}"{quoted}"'


def expression(metric: str, matchers: list[Matcher]) -> str:
    """Return the PromQL for a metric: a series as it is, or a counter's rate. Raises `BadRequest` for a name that none can have."""
    if not _NAME.fullmatch(metric):
        raise BadRequest(f"{metric!r} is no metric's name")
    inside = ",".join(map(str, matchers))
    if metric.endswith(RATE_SUFFIX):
        return f"rate({metric.removesuffix(RATE_SUFFIX)}_total{{{inside}}}[{WINDOW:g}s])"
    return f"{metric}{{{inside}}}"


def matchers_of(selector: str) -> list[Matcher]:
    """Return a label selector as conditions. Raises `BadRequest` for one that cannot be parsed."""
    found, at = [], 0
    while at < len(selector):
        term = _TERM.match(selector, at)
        if term is None:
            raise BadRequest(f"unable to parse the metric's selector {selector!r}")
        at = term.end()
        found.append(_matcher(term))
    return found


def one_of(label: str, values: list[str]) -> Matcher:
    """Return the condition that a label has one of these values."""
    return Matcher(label, "=~", "|".join(map(re.escape, values)))


def _matcher(term: re.Match[str]) -> Matcher:
    if term["absent"]:
        return Matcher(_label(term["absent"]), "=", "")
    label = _label(term["key"])
    if term["set"]:
        values = [each.strip() for each in term["values"].split(",")]
        return one_of(label, values)._replace(operator="=~" if term["set"] == "in" else "!~")
    if term["operator"]:
        return Matcher(label, "!=" if term["operator"] == "!=" else "=", term["value"])
    return Matcher(label, "!=", "")


def _label(key: str) -> str:
    """Return a label's name as Prometheus spells it: what it has no letters for becomes `_`."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", key)


class Prometheus:
    """One Prometheus server, at a URL such as `http://127.0.0.1:9090`."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def query(self, text: str) -> list[Sample]:
        """Return the values that a query has now. Raises `ServiceUnavailable` when the server does not answer it."""
        result = await self._get("/api/v1/query", {"query": text})
        if not isinstance(result, dict) or result.get("resultType") != "vector":
            raise ServiceUnavailable("Prometheus did not answer with a vector")
        series = result.get("result") or []
        if len(series) > _SERIES_LIMIT:
            raise BadRequest(
                f"the metric has {len(series)} series, at most {_SERIES_LIMIT} are read: narrow the selector"
            )
        samples = [Sample(each["metric"], float(each["value"][1]), float(each["value"][0])) for each in series]
        return [each for each in samples if math.isfinite(each.value)]

    async def names(self) -> list[str]:
        """Return the names of all series. Raises as `query`."""
        found = await self._get("/api/v1/label/__name__/values", {})
        return [str(each) for each in found][:_SERIES_LIMIT] if isinstance(found, list) else []

    async def _get(self, path: str, query: dict[str, str]) -> Any:
        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS))
        try:
            async with self._session.get(self._url + path, params=query, allow_redirects=False) as answer:
                body = await answer.content.read(_ANSWER_LIMIT + 1)
                while len(body) <= _ANSWER_LIMIT and (more := await answer.content.read(_ANSWER_LIMIT)):
                    body += more
            if len(body) > _ANSWER_LIMIT:
                raise ServiceUnavailable(f"Prometheus answered with more than {_ANSWER_LIMIT} bytes")
            found = orjson.loads(body)
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
            raise ServiceUnavailable(f"Prometheus at {self._url} cannot be asked: {error}") from error
        if not isinstance(found, dict) or found.get("status") != "success":
            said = found.get("error") if isinstance(found, dict) else body[:200].decode(errors="replace")
            raise ServiceUnavailable(f"Prometheus refused the query: {said}")
        return found.get("data")

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
