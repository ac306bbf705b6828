"""What the machine is and has: read once at start, or measured when asked. The only place that asks the operating system."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path
from typing import NamedTuple

import psutil

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x"}


class Machine(NamedTuple):
    """What does not change while the kubelet runs. Memory and disk in bytes."""

    cpus: int
    memory: int
    disk: int
    architecture: str
    kernel: str
    os_image: str
    machine_id: str
    system_uuid: str
    boot_id: str
    swap: int


class Usage(NamedTuple):
    """What is left: memory and disk in bytes, process ids in numbers."""

    memory_available: int
    disk_available: int
    disk_capacity: int
    pids_available: int
    pids_max: int


def read_machine(root: Path) -> Machine:
    """Read the machine's facts; `root` is where pods keep their data."""
    uname = platform.uname()
    return Machine(
        cpus=os.cpu_count() or 1,
        memory=psutil.virtual_memory().total,
        disk=shutil.disk_usage(_existing(root)).total,
        architecture=_ARCHITECTURES.get(uname.machine, uname.machine),
        kernel=uname.release,
        os_image=_os_image(_text("/etc/os-release")),
        machine_id=_text("/etc/machine-id"),
        system_uuid=_text("/sys/class/dmi/id/product_uuid") or _text("/etc/machine-id"),
        boot_id=_text("/proc/sys/kernel/random/boot_id"),
        swap=psutil.swap_memory().total,
    )


def measure(root: Path) -> Usage:
    """Measure what is left now."""
    disk = shutil.disk_usage(_existing(root))
    limit = int(_text("/proc/sys/kernel/pid_max") or 32768)
    # the fourth field of loadavg is running/all
    used = int((_text("/proc/loadavg") or "0 0 0 0/0 0").split()[3].partition("/")[2])
    return Usage(psutil.virtual_memory().available, disk.free, disk.total, limit - used, limit)


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _os_image(release: str) -> str:
    for line in release.splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return "Linux"
