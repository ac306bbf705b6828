"""Build hook: compiles the .proto files into the Python modules that the kubelet and the etcd back end import.

Runs for every build, editable ones too, so that the generated files are never committed and always fit the installed protobuf.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROTOS = ("kubern/kubelet/runtime/api.proto", "kubern/store/etcd/rpc.proto")


class CompileProtocols(BuildHookInterface):
    """Writes `*_pb2.py` beside each `.proto` and hands them to the build, which would leave ignored files out."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile. Raises `RuntimeError` when the compiler refuses a file."""
        from grpc_tools import protoc

        source = Path(self.root) / "src"
        for proto in PROTOS:
            if protoc.main(["protoc", f"-I{source}", f"--python_out={source}", str(source / proto)]):
                raise RuntimeError(f"protoc could not compile {proto}")
            build_data["artifacts"].append("src/" + proto.replace(".proto", "_pb2.py"))
