"""httpGet: a GET; it is well when the answer's status is from 200 to 399."""

from __future__ import annotations

import aiohttp
from yarl import URL

from kubern.kubelet.probe import Outcome, Probe, Target, port

_BODY = 10 * 1024


async def check(target: Target) -> Outcome:
    """Ask once; a redirect is an answer like any other and is not followed."""
    handler = target.handler
    scheme = (handler.get("scheme") or "HTTP").lower()
    host = handler.get("host") or target.ip
    shown = f"[{host}]" if ":" in host else host
    path = handler.get("path") or "/"
    url = f"{scheme}://{shown}:{port(target)}{path if path.startswith('/') else '/' + path}"
    headers = {"User-Agent": "kube-probe/1.36", "Accept": "*/*", "Connection": "close"}
    headers |= {each["name"]: each.get("value", "") for each in handler.get("httpHeaders") or ()}
    try:
        async with target.http.get(
            URL(url, encoded=True),
            headers=headers,
            allow_redirects=False,
            # a probe asks whether the server answers, not who it is
            ssl=False,
            timeout=aiohttp.ClientTimeout(total=target.timeout),
        ) as answer:
            body = (await answer.content.read(_BODY)).decode(errors="replace")
    except TimeoutError:
        reason = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        return Outcome(False, f'Get "{url}": {reason}')
    except aiohttp.ClientConnectorError as error:
        what = (error.strerror or str(error)).lower()
        return Outcome(False, f'Get "{url}": dial tcp {shown}:{port(target)}: connect: {_plain(error, what)}')
    except aiohttp.ClientError as error:
        return Outcome(False, f'Get "{url}": {str(error) or type(error).__name__}')
    if 200 <= answer.status < 400:
        return Outcome(True, body)
    return Outcome(False, f"HTTP probe failed with statuscode: {answer.status}")


def _plain(error: aiohttp.ClientConnectorError, what: str) -> str:
    return "connection refused" if isinstance(error.os_error, ConnectionRefusedError) else what


PROBE = Probe("httpGet", check)
