"""`/debug/pprof/`: what a program is busy with. Served by the apiserver and by the ports of the other programs, unless --no-profiling.

What always holds: one CPU profile at a time; it is taken in a thread of its own, and ends when its client goes.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from urllib.parse import parse_qs

from kubern.base.clock import Clock
from kubern.base.errors import BadRequest
from kubern.http.answers import text_response
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


class Profiling:
    """The paths below `ROOT`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running = False

    async def serve(self, request: Request) -> Answer:
        """Answer one of them. Raises `BadRequest`."""
        query = parse_qs(request.query)
        match request.path.removeprefix(ROOT):
            case "":
                return Response(301, (("location", f"{ROOT}/"),), b"")
            case "/":
                return Response(200, (("content-type", "text/html; charset=utf-8"),), _INDEX.encode())
            case "/profile":
                text = query.get("debug", ["0"])[0] != "0"
                return await self._profile(_seconds(query.get("seconds", [""])[0]), text)
            case "/cmdline":
                return text_response(200, "\0".join(sys.orig_argv))
            case "/goroutine":
                return text_response(200, _stacks())
        return text_response(404, "Unknown profile\n")

    async def _profile(self, seconds: float, text: bool) -> Answer:
        from kubern.base.pprof import Sampler, as_pprof, as_text

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
        if text:
            return text_response(200, as_text(profile))
        headers = (
            ("content-type", "application/octet-stream"),
            ("content-disposition", 'attachment; filename="profile"'),
        )
        return Response(200, headers, as_pprof(profile))


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
