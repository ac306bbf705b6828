"""Where an apiserver's time goes for a GET, a page of a list, watches and creations: the share of each part of the code.

Run: `python benchmarks/where.py PY-SPY [seconds]`, PY-SPY being that program. Needs wrk. A sample counts for the innermost part of the
code that it is in.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import uvloop
from apiserver import Server, config_map, fill, load_row, make_namespaces, pod, prepared, running, watch

PARTS = {
    "store": ("kubern/store/",),
    "TLS, sockets and parsing of HTTP": ("kubern/http/",),
    "priority and fairness": ("kubern/apiserver/flow/",),
    "metrics": ("meters.py", "metrics.py", "metered.py"),
    "authentication": ("apiserver/authn/",),
    "authorization": ("apiserver/authz/",),
    "managedFields": ("managing.py", "api/apply/"),
    "admission": ("apiserver/admission", "apiserver/policies/", "apiserver/webhooks/"),
    "decoding and schema": ("api/schema/", "api/codec/", "decoding.py"),
    "defaults and validation": ("kubern/api/",),
    "watch cache and watchers": ("feed.py", "cache.py", "watching.py"),
    "encoding": ("encoding.py", "forms.py"),
    "verbs and writing": ("kubern/apiserver/",),
}


def part_of(stack: str) -> str:
    """Return the part that a sampled stack is in: that of its innermost frame of ours."""
    for frame in reversed(stack.split(";")):
        for name, marks in PARTS.items():
            if any(mark in frame for mark in marks):
                return name
    return "event loop"


def profiled(server: Server, spy: str, seconds: int, work: Callable[[], object]) -> Counter[str]:
    """Sample the server while `work` keeps it busy; returns the samples of each part. Threads that wait are not counted."""
    with tempfile.NamedTemporaryFile("r") as out:
        command = [
            spy,
            "record",
            "--pid",
            str(server.process.pid),
            "--duration",
            str(seconds),
            "--rate",
            "500",
            "--full-filenames",
        ]
        sampling = subprocess.Popen(
            [*command, "--format", "raw", "--output", out.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        work()
        sampling.wait(seconds + 30)
        found: Counter[str] = Counter()
        for line in Path(out.name).read_text().splitlines():
            stack, _, count = line.rpartition(" ")
            found[part_of(stack)] += int(count)
    return found


def main() -> None:
    """Print a table."""
    spy, seconds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        pki = prepared(folder)
        with running(pki, folder / "run") as server:
            make_namespaces(server)
            uvloop.run(fill(server))
            writes = "/api/v1/namespaces/writes"

            def asked(path: str, body: object = None) -> Counter[str]:
                return profiled(
                    server, spy, seconds, lambda: load_row(server, "", path, "", "", seconds=seconds + 2, body=body)
                )

            def watched() -> None:
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    uvloop.run(watch(server))
                    server.call("DELETE", "/api/v1/namespaces/watches/configmaps")

            works = {
                "GET": asked("/api/v1/namespaces/lists/pods/pod-00042"),
                "page of 500": asked("/api/v1/pods?limit=500"),
                "50 watchers, with the writes": profiled(server, spy, seconds, watched),
                "create ConfigMap": asked(f"{writes}/configmaps", config_map("NAME")),
                "create Pod": asked(f"{writes}/pods", pod("NAME", 0)),
            }
    parts = sorted({part for work in works.values() for part in work}, key=lambda part: -works["create Pod"][part])
    print("| part | " + " | ".join(works) + " |\n| --- |" + " --- |" * len(works))
    for part in parts:
        shares = (100 * work[part] / max(work.total(), 1) for work in works.values())
        print(f"| {part} | " + " | ".join(f"{share:.0f} %" for share in shares) + " |")


if __name__ == "__main__":
    main()
