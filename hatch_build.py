"""Build hook: compiles the CRI's .proto into the Python module that the kubelet imports.

Runs for every build, editable ones too, so that the generated file is never committed and always fits the installed protobuf.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTO = "kubern/kubelet/runtime/api.proto"
GENERATED = "src/kubern/kubelet/runtime/api_pb2.py"


class CompileProtocols(BuildHookInterface):
    """Writes `api_pb2.py` beside `api.proto` and hands it to the build, which would leave an ignored file out."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile. Raises `RuntimeError` when the compiler refuses the file."""
        from grpc_tools import protoc

        source = Path(self.root) / "src"
        if protoc.main(["protoc", f"-I{source}", f"--python_out={source}", str(source / PROTO)]):
            raise RuntimeError(f"protoc could not compile {PROTO}")
        build_data["artifacts"].append(GENERATED)
