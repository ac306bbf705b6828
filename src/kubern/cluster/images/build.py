"""`kubern image build`: an image from a Dockerfile, without a daemon and without a registry.

The base is `scratch`, an image the cluster has, or one that a node can pull. RUN runs in a mount, pid and network
namespace of its own, with no network. The result is one layer.
"""

from __future__ import annotations

import glob
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kubern.cluster.images.archive import write
from kubern.cluster.images.dockerfile import DockerfileError, Instruction, expand, pairs, parse, words
from kubern.cluster.images.keep import keep, running_nodes
from kubern.cluster.images.rootfs import Image
from kubern.cluster.layout import CONTAINERD_SOCKET
from kubern.cluster.progress import Progress
from kubern.cluster.running import Cluster

RUN_SECONDS = 1800
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(rf"(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?{_PART}(?:/{_PART})*:[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}}")
"""A name with a tag, as registries define it."""


def build(cluster: Cluster, context: Path, dockerfile: Path, reference: str, progress: Progress) -> list[str]:
    """Build the image `reference` and put it onto every node; returns its name.

    Raises `DockerfileError` (a `ValueError`) for a file that is not understood, `RuntimeError` for a step that failed, `OSError`.
    """
    if ":" not in reference.rpartition("/")[2]:
        reference += ":latest"
    if not _REFERENCE.fullmatch(reference):
        raise ValueError(f"--tag {reference!r} is no image name: lower-case letters and digits, as in localhost/app:1")
    running_nodes(cluster)
    instructions = parse(dockerfile.read_text())
    with tempfile.TemporaryDirectory(prefix="kubern-build-") as folder:
        builder = _Builder(cluster, context.resolve(), Path(folder))
        for instruction in instructions:
            with progress.step(f"{instruction.name} {instruction.rest[:60]}"):
                builder.step(instruction)
        archive = Path(folder) / "image.tar"
        image = builder.image
        write(archive, {reference: (image.config, [image.pack()])})
        keep(cluster, archive)
    return [reference]


class _Builder:
    """Carries out one instruction after the other; each FROM begins a new image."""

    def __init__(self, cluster: Cluster, context: Path, folder: Path) -> None:
        self._cluster = cluster
        self._context = context
        self._folder = folder
        self._stages: dict[str, Image] = {}
        self._arguments: dict[str, str] = {}
        self.image = Image(folder / "none")

    def step(self, instruction: Instruction) -> None:
        """Carry out one instruction."""
        if instruction.name not in ("FROM", "ARG") and not self._stages:
            raise DockerfileError(f"line {instruction.line}: {instruction.name} before FROM")
        config = self.image.config
        match instruction.name:
            case "FROM":
                self._from(instruction)
            case "ARG":
                name, _, default = instruction.rest.partition("=")
                self._arguments.setdefault(name, expand(default, self._arguments))
            case "RUN":
                self._run(instruction)
            case "COPY" | "ADD":
                self._copy(instruction)
            case "ENV":
                merged = self._environment() | pairs(instruction, self._variables())
                config["Env"] = [f"{key}={value}" for key, value in merged.items()]
            case "LABEL":
                config.setdefault("Labels", {}).update(pairs(instruction, self._variables()))
            case "WORKDIR":
                config["WorkingDir"] = os.path.normpath(os.path.join("/", self._workdir(), self._expanded(instruction)))
                self.image.inside(config["WorkingDir"]).mkdir(parents=True, exist_ok=True)
            case _:
                self._describe(instruction)

    def _describe(self, instruction: Instruction) -> None:
        """Carry out an instruction that only changes how the image is run."""
        config = self.image.config
        match instruction.name:
            case "USER" | "STOPSIGNAL":
                config["User" if instruction.name == "USER" else "StopSignal"] = self._expanded(instruction)
            case "CMD" | "ENTRYPOINT":
                config[instruction.name.capitalize()] = words(instruction) or ["/bin/sh", "-c", instruction.rest]
                if instruction.name == "ENTRYPOINT":
                    config.pop("Cmd", None)
            case "EXPOSE":
                ports = (port if "/" in port else f"{port}/tcp" for port in self._expanded(instruction).split())
                config.setdefault("ExposedPorts", {}).update({port: {} for port in ports})
            case "VOLUME":
                volumes = words(instruction) or self._expanded(instruction).split()
                config.setdefault("Volumes", {}).update({volume: {} for volume in volumes})
            case "SHELL":
                raise DockerfileError(f"line {instruction.line}: SHELL is not supported; write RUN in its JSON form")
            case _:
                pass  # MAINTAINER and HEALTHCHECK have no effect in Kubernetes

    def _from(self, instruction: Instruction) -> None:
        base, *rest = self._expanded(instruction).split()
        root = self._folder / f"stage-{len(self._stages)}"
        root.mkdir(mode=0o755)
        self.image = Image(root)
        if base in self._stages:
            self.image.copy([self._stages[base].root], "/", "/")
            self.image.config = dict(self._stages[base].config)
        elif base != "scratch":
            self._unpack(base)
        name = rest[1] if len(rest) == 2 and rest[0].upper() == "AS" else str(len(self._stages))
        self._stages[name] = self.image

    def _unpack(self, reference: str) -> None:
        for archive in sorted(self._cluster.layout.images.glob("*.tar")):
            if self.image.unpack(archive, reference):
                return
        full = reference if "/" in reference else f"docker.io/library/{reference}"
        full = full if ":" in full.rpartition("/")[2] else f"{full}:latest"
        exported = self._folder / "base.tar"
        node = self._cluster.nodes()[0]
        ctr = ("ctr", "-a", CONTAINERD_SOCKET, "-n", "k8s.io", "images")
        if _call(node.enter(*ctr, "export", str(exported), full)):
            problem = _call(node.enter(*ctr, "pull", full))
            if problem or _call(node.enter(*ctr, "export", str(exported), full)):
                raise RuntimeError(f"FROM {reference}: neither on the nodes nor to be pulled: {problem}")
        if not self.image.unpack(exported, full):
            raise RuntimeError(f"FROM {reference}: the export does not name it")

    def _run(self, instruction: Instruction) -> None:
        command = words(instruction) or ["/bin/sh", "-c", instruction.rest]
        root = str(self.image.root)
        for folder in ("proc", "dev", "tmp"):
            (self.image.root / folder).mkdir(exist_ok=True)
        # the mounts die with the namespace; nothing of them is seen outside or packed
        script = (
            'mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && cd / && '
            'exec chroot "$1" /bin/sh -c \'cd "$0" && exec "$@"\' "$2" "${@:3}"'
        )
        isolated = [
            "unshare",
            "--mount",
            "--pid",
            "--net",
            "--ipc",
            "--uts",
            "--fork",
            "--kill-child=KILL",
            "bash",
            "-c",
            script,
            "-",
        ]
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"} | self._variables()
        done = subprocess.run(
            [*isolated, root, self._workdir(), *command],
            env=environment, capture_output=True, text=True, check=False, timeout=RUN_SECONDS,
        )  # fmt: skip
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-800:] or "it said nothing"
            raise RuntimeError(f"line {instruction.line}: RUN ended with {done.returncode}: {said}")

    def _copy(self, instruction: Instruction) -> None:
        *patterns, target = words(instruction) or self._expanded(instruction).split()
        if not patterns:
            raise DockerfileError(f"line {instruction.line}: {instruction.name} needs a source and a target")
        stage = self._stages.get(instruction.flags.get("from", ""))
        if "from" in instruction.flags and stage is None:
            raise DockerfileError(f"line {instruction.line}: no stage {instruction.flags['from']!r} above")
        sources = [path for pattern in patterns for path in self._sources(pattern, stage)]
        if not sources:
            raise DockerfileError(f"line {instruction.line}: nothing matches {' '.join(patterns)}")
        self.image.copy(sources, target, self._workdir(), instruction.flags.get("chown", ""))

    def _sources(self, pattern: str, stage: Image | None) -> Iterator[Path]:
        if "://" in pattern:
            raise DockerfileError(
                f"{pattern}: fetching over the network is not supported; put the file into the directory"
            )
        if stage is not None:
            yield from (
                [stage.inside(pattern)] if not glob.has_magic(pattern) else sorted(stage.root.glob(pattern.lstrip("/")))
            )
            return
        for found in sorted(self._context.glob(pattern.lstrip("/"))) if pattern.strip("./") else [self._context]:
            if not found.resolve().is_relative_to(self._context):
                raise DockerfileError(f"{pattern} leads out of the directory that is built")
            yield found

    def _workdir(self) -> str:
        workdir: str = self.image.config.get("WorkingDir") or "/"
        return workdir

    def _environment(self) -> dict[str, str]:
        listed: list[Any] = self.image.config.get("Env") or []
        return dict(entry.split("=", 1) for entry in listed)

    def _variables(self) -> dict[str, str]:
        return self._arguments | self._environment()

    def _expanded(self, instruction: Instruction) -> str:
        return expand(instruction.rest, self._variables())


def _call(command: list[str]) -> str:
    """Run a command; returns what it complained of, empty when it succeeded."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_SECONDS)
    return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""
