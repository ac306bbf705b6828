"""grpc: the standard health service; it is well when it says SERVING."""

from __future__ import annotations

import grpc
import grpc.aio

from kubern.kubelet.probe import Outcome, Probe, Target, port

_STATES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


async def check(target: Target) -> Outcome:
    """Ask `grpc.health.v1.Health/Check` once."""
    address = f"[{target.ip}]:{port(target)}" if ":" in target.ip else f"{target.ip}:{port(target)}"
    service = (target.handler.get("service") or "").encode()
    async with grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        # HealthCheckRequest has one field, HealthCheckResponse too: not worth a .proto
        ask = channel.unary_unary("/grpc.health.v1.Health/Check")
        request = b"\x0a" + bytes([len(service)]) + service if service else b""
        try:
            answer = await ask(request, timeout=target.timeout)
        except grpc.aio.AioRpcError as error:
            code = error.code()
            if code is grpc.StatusCode.UNIMPLEMENTED:
                return Outcome(
                    False, f"error: this server does not implement the grpc health protocol: {error.details()}"
                )
            if code is grpc.StatusCode.DEADLINE_EXCEEDED:
                return Outcome(False, f"timeout: health rpc did not complete within {target.timeout:g}s")
            return Outcome(False, f"error: health rpc failed: rpc error: code = {code.name} desc = {error.details()}")
    state = answer[1] if len(answer) == 2 and answer[0] == 8 else 0
    name = _STATES.get(state, "UNKNOWN")
    return Outcome(name == "SERVING", f'service unhealthy (responded with "{name}")' if name != "SERVING" else "")


PROBE = Probe("grpc", check)
