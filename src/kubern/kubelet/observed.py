"""What the runtime holds of one pod, in the shape that `decide` and `status` read. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from kubern.kubelet.podspec import HASH_ANNOTATION, RESTARTS_ANNOTATION
from kubern.kubelet.runtime.contract import CREATED, EXITED, RUNNING, UNKNOWN, Container, Sandbox

_ALIVE = (RUNNING, CREATED, UNKNOWN)


class Observed(NamedTuple):
    """One pod's sandboxes, newest first, and its containers of each name, newest first."""

    sandboxes: tuple[Sandbox, ...] = ()
    containers: dict[str, tuple[Container, ...]] = {}

    @property
    def sandbox(self) -> Sandbox | None:
        """The newest sandbox."""
        return self.sandboxes[0] if self.sandboxes else None

    @property
    def ready_sandbox(self) -> Sandbox | None:
        """The newest sandbox if it lives."""
        return self.sandbox if self.sandbox and self.sandbox.ready else None

    def latest(self, name: str) -> Container | None:
        """Return the newest container of that name, whichever sandbox it is in."""
        found = self.containers.get(name)
        return found[0] if found else None

    def current(self, name: str) -> Container | None:
        """Return the newest container of that name if it is in the newest sandbox."""
        found = self.latest(name)
        return found if found and self.sandbox and found.sandbox_id == self.sandbox.id else None

    def running(self) -> list[Container]:
        """Return every container that runs or may run."""
        return [each for found in self.containers.values() for each in found if each.state in (RUNNING, UNKNOWN)]

    def active(self) -> bool:
        """Whether anything of the pod is still there that uses resources."""
        return any(s.ready for s in self.sandboxes) or bool(self.running())


def observed(sandboxes: Sequence[Sandbox], containers: Sequence[Container]) -> Observed:
    """Sort what the runtime listed for one pod."""
    by_name: dict[str, list[Container]] = {}
    for container in sorted(containers, key=lambda c: (c.created_at, c.attempt), reverse=True):
        by_name.setdefault(container.name, []).append(container)
    newest = sorted(sandboxes, key=lambda s: (s.created_at, s.attempt), reverse=True)
    return Observed(tuple(newest), {name: tuple(found) for name, found in by_name.items()})


def restart_count(container: Container) -> int:
    """Return how often this container had been started before."""
    text = container.annotations.get(RESTARTS_ANNOTATION, "")
    return int(text) if text.isdigit() else container.attempt


def changed(container: Container, spec_hash: str) -> bool:
    """Whether the container was made from another spec than today's; one that does not say counts as unchanged."""
    return container.annotations.get(HASH_ANNOTATION, spec_hash) != spec_hash


def failed(container: Container) -> bool:
    """Whether it ended badly."""
    return container.state == EXITED and container.exit_code != 0
