"""The two images that every cluster has: pause, and a small busybox. Both are Debian's static busybox, so no registry is needed."""

from __future__ import annotations

import subprocess
from pathlib import Path

from kubern.cluster.images.archive import Entry, layer, write
from kubern.cluster.node_files import PAUSE_IMAGE

BUSYBOX_IMAGE = "localhost/kubern/busybox:1"


def build(path: Path, busybox: Path = Path("/bin/busybox")) -> None:
    """Write the archive with both images to `path`, unless it is there. Raises `FileNotFoundError` without busybox."""
    if path.exists():
        return
    program = busybox.read_bytes()
    applets = subprocess.run([busybox, "--list-full"], capture_output=True, text=True, check=True).stdout.split()
    root = {
        "bin": Entry(),
        "sbin": Entry(),
        "usr": Entry(),
        "usr/bin": Entry(),
        "usr/sbin": Entry(),
        "etc": Entry(),
        "etc/passwd": Entry(
            b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n", 0o644
        ),
        "etc/group": Entry(b"root:x:0:\nnogroup:x:65534:\n", 0o644),
        "etc/nsswitch.conf": Entry(b"hosts: files dns\n", 0o644),
        "root": Entry(mode=0o700),
        "tmp": Entry(mode=0o1777),
        "var": Entry(),
        "www": Entry(),
        "bin/busybox": Entry(program),
    }
    root |= {applet: Entry(link="/bin/busybox") for applet in applets if applet not in root}
    # one program for both: the layer is stored once, and a pause process is one sleeping busybox
    shared = layer(root)
    environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    write(
        path,
        {
            PAUSE_IMAGE: ({"Entrypoint": ["/bin/busybox", "sleep", "2147483647"]}, [shared]),
            BUSYBOX_IMAGE: ({"Cmd": ["sh"], "Env": environment}, [shared]),
        },
    )
