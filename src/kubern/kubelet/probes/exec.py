"""exec: a command in the container; it is well when the command ends with 0."""

from __future__ import annotations

import json

from kubern.kubelet.probe import Outcome, Probe, Target
from kubern.kubelet.runtime.contract import RuntimeFailure

_SHOWN = 10 * 1024


async def check(target: Target) -> Outcome:
    """Run the command within the timeout."""
    command = target.handler.get("command") or ()
    try:
        result = await target.runtime.exec_sync(target.container_id, command, target.timeout)
    except RuntimeFailure as failure:
        if failure.code == "DEADLINE_EXCEEDED":
            words = json.dumps(" ".join(command))
            return Outcome(False, f"command timed out: {words} timed out after {target.timeout:g}s")
        return Outcome(False, failure.message, errored=True)
    output = (result.stdout + result.stderr)[:_SHOWN].decode(errors="replace")
    return Outcome(result.exit_code == 0, output)


PROBE = Probe("exec", check)
