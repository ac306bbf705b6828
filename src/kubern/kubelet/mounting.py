"""mount(2) and umount2(2), for the node's own mount namespace. Needs CAP_SYS_ADMIN."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_MNT_DETACH = 2


class SystemMounter:
    """Calls the kernel."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def tmpfs(self, path: Path, options: str) -> None:
        """Mount a tmpfs. Raises `OSError`."""
        if self._libc.mount(b"tmpfs", bytes(path), b"tmpfs", 0, options.encode()):
            self._fail(path)

    def unmount(self, path: Path) -> None:
        """Take a mount away, at once even when it is in use. Raises `OSError`."""
        if self._libc.umount2(bytes(path), _MNT_DETACH):
            self._fail(path)

    def _fail(self, path: Path) -> None:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(path))
