"""Looking at what the runtime holds of one pod. An ended container never changes, so it is asked for only once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from kubern.base.json import Obj
from kubern.kubelet.configs import pod_labels
from kubern.kubelet.observed import Observed, observed, restart_count
from kubern.kubelet.podspec import MESSAGE_PATH_ANNOTATION, MESSAGE_POLICY_ANNOTATION, UID_LABEL, uid
from kubern.kubelet.runtime.contract import EXITED, Container, Runtime, RuntimeFailure
from kubern.kubelet.settings import Settings

_MAX_MESSAGE = 4096
_MAX_LOG = 2048


class Looker:
    """Looks at one pod."""

    def __init__(self, runtime: Runtime, settings: Settings, pod: Obj) -> None:
        self._runtime = runtime
        self._folder = settings.pod_dir(uid(pod))
        meta = pod["metadata"]
        self._logs = settings.log_dir(meta["namespace"], meta["name"], meta["uid"])
        # the uid alone tells pods apart
        self._labels = {UID_LABEL: pod_labels(pod)[UID_LABEL]}
        self._ended: dict[str, Container] = {}
        self._ips: dict[str, tuple[str, ...]] = {}
        self.messages: dict[str, str] = {}
        """Last words by container id."""

    async def look(self) -> Observed:
        """Return what there is now. Raises `RuntimeFailure`."""
        sandboxes, listed = await asyncio.gather(
            self._runtime.list_sandboxes(self._labels), self._runtime.list_containers(self._labels)
        )
        containers = await asyncio.gather(*(self._detailed(each) for each in listed))
        for sandbox in sandboxes:
            if sandbox.ready and not self._ips.get(sandbox.id):
                self._ips[sandbox.id] = await self._addresses(sandbox.id)
        return observed(sandboxes, [each for each in containers if each is not None])

    def ips(self, seen: Observed) -> tuple[str, ...]:
        """Return the pod's addresses, none while it has no living sandbox."""
        return self._ips.get(seen.sandbox.id, ()) if seen.sandbox else ()

    async def _addresses(self, sandbox_id: str) -> tuple[str, ...]:
        try:
            return (await self._runtime.sandbox_status(sandbox_id)).ips
        except RuntimeFailure as failure:
            if failure.code != "NOT_FOUND":
                raise
            return ()

    async def _detailed(self, listed: Container) -> Container | None:
        if listed.id in self._ended:
            return self._ended[listed.id]
        try:
            status = await self._runtime.container_status(listed.id)
        except RuntimeFailure as failure:
            # it was removed since it was listed
            if failure.code == "NOT_FOUND":
                return None
            raise
        status = replace(status, sandbox_id=listed.sandbox_id)
        if status.state == EXITED:
            self._ended[status.id] = status
            self.messages[status.id] = await asyncio.to_thread(self._last_words, status)
        return status

    def _last_words(self, container: Container) -> str:
        """Return what the container left in its termination message file, or the end of its log if it asked for that."""
        text = ""
        if container.annotations.get(MESSAGE_PATH_ANNOTATION):
            text = _tail(self._folder / "containers" / container.name / str(restart_count(container)), _MAX_MESSAGE)
        wants_log = container.annotations.get(MESSAGE_POLICY_ANNOTATION) == "FallbackToLogsOnError"
        if not text and wants_log and container.exit_code:
            raw = _tail(self._logs / container.name / f"{restart_count(container)}.log", 4 * _MAX_LOG)
            # each line is "time stream tag text"
            lines = [line.split(" ", 3)[-1] for line in raw.splitlines() if line.count(" ") >= 3]
            text = "\n".join(lines)[-_MAX_LOG:]
        return text


def _tail(path: Path, most: int) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - most))
            return file.read(most).decode(errors="replace")
    except OSError:
        return ""
