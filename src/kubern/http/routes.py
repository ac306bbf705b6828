"""Which path is answered by what: exact paths, and for those that end in `/*` everything below."""

from __future__ import annotations

from typing import Generic, TypeVar

R = TypeVar("R")


class RouteTable(Generic[R]):
    """Paths and what answers each of them."""

    def __init__(self) -> None:
        self._exact: dict[str, R] = {}
        self._below: list[tuple[str, R]] = []

    def add(self, path: str, route: R) -> None:
        """Let `route` answer `path`."""
        if path.endswith("/*"):
            self._below.append((path[:-1], route))
        else:
            self._exact[path] = route

    def remove(self, path: str) -> None:
        """Answer an exact path no longer."""
        del self._exact[path]

    def find(self, path: str) -> R | None:
        """Return what answers `path`, or None."""
        route = self._exact.get(path) or self._exact.get(path.rstrip("/"))
        if route:
            return route
        return next((route for prefix, route in self._below if path.startswith(prefix)), None)

    def paths(self) -> list[str]:
        """Return every exact path, for an index."""
        return sorted(self._exact)
