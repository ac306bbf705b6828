"""`/debug/pprof/`: what the apiserver is busy with, for whoever is authorized for the paths; off with --profiling=false.

What always holds: one CPU profile at a time; it is taken in a thread of its own, and ends when its client goes.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback

from kubern.apiserver.answers import text_response
from kubern.apiserver.core import Core
from kubern.apiserver.pipeline import Routes
from kubern.apiserver.request_info import RequestInfo
from kubern.base.errors import BadRequest
from kubern.http.contract import Answer, Request, Response

ROOT = "/debug/pprof"
DEFAULT, LONGEST = 30.0, 600.0
"""Seconds of a profile."""
_INDEX = """<html><head><title>/debug/pprof/</title></head><body>
/debug/pprof/<br>
<ul>
<li><a href="cmdline">cmdline</a>: the command line of this process</li>
<li><a href="goroutine?debug=2">goroutine</a>: the stacks of all threads and tasks</li>
<li><a href="profile">profile</a>: a CPU profile; seconds=N says how long, debug=1 asks for text</li>
</ul>
</body></html>
"""


class Debugging:
    """The paths."""

    def __init__(self, core: Core) -> None:
        self._clock = core.clock
        self._running = False

    def install(self, routes: Routes) -> None:
        """Serve the paths."""
        routes.add(ROOT, _index)
        routes.add(f"{ROOT}/profile", self._profile)
        routes.add(f"{ROOT}/cmdline", lambda request, info: text_response(200, "\0".join(sys.orig_argv)))
        routes.add(f"{ROOT}/goroutine", lambda request, info: text_response(200, _stacks()))
        routes.add(f"{ROOT}/*", lambda request, info: text_response(404, "Unknown profile\n"))

    async def _profile(self, request: Request, info: RequestInfo) -> Answer:
        from kubern.base.pprof import Sampler, as_pprof, as_text

        seconds = _seconds(info.first("seconds"))
        if self._running:
            return text_response(500, "Could not enable CPU profiling: cpu profiling already in use\n")
        sampler = Sampler(seconds, self._clock.monotonic, self._clock.now().timestamp())
        self._running = True
        taken = asyncio.get_running_loop().run_in_executor(None, sampler.run)
        try:
            profile = await asyncio.shield(taken)
        finally:
            sampler.stop()
            self._running = False
        if info.first("debug") not in ("", "0"):
            return text_response(200, as_text(profile))
        headers = (
            ("content-type", "application/octet-stream"),
            ("content-disposition", 'attachment; filename="profile"'),
        )
        return Response(200, headers, as_pprof(profile))


def _index(request: Request, info: RequestInfo) -> Answer:
    if info.path == ROOT:
        return Response(301, (("location", f"{ROOT}/"),), b"")
    return Response(200, (("content-type", "text/html; charset=utf-8"),), _INDEX.encode())


def _seconds(text: str) -> float:
    try:
        seconds = float(text or DEFAULT)
    except ValueError as error:
        raise BadRequest(f"invalid seconds: {text!r} is not a number") from error
    if not 0 < seconds <= LONGEST:
        raise BadRequest(f"invalid seconds: must be above 0 and at most {LONGEST:.0f}")
    return seconds


def _stacks() -> str:
    """Return the stacks of all threads, and those of all tasks of the loop."""
    frames, lines = sys._current_frames(), []
    for thread in threading.enumerate():
        lines.append(f"thread {thread.name}:")
        frame = frames.get(thread.ident or 0)
        lines.extend(line.rstrip() for line in traceback.format_stack(frame) if frame)
        lines.append("")
    for task in asyncio.all_tasks():
        lines.append(f"task {task.get_name()}:")
        for frame in task.get_stack(limit=16):
            lines.append(f"  {frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_qualname}")
        lines.append("")
    return "\n".join(lines)
