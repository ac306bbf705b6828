"""The messages between the kubelet and a driver of devices: plug-in registration v1 and DRA v1 (and v1beta1, which looks the same).

Described here by field numbers and made at run time, once, when the first driver is met. Source: the kubelet's published plug-in APIs.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

REGISTRATION = "/pluginregistration.Registration"
SERVICES = {
    "v1.DRAPlugin": "/k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin",
    "v1beta1.DRAPlugin": "/k8s.io.kubelet.pkg.apis.dra.v1beta1.DRAPlugin",
}
"""The service of each version that a driver may offer, the newest first."""

_TEXT, _BOOL, _MESSAGE = 9, 8, 11
_MANY = "*"
_MESSAGES: dict[str, dict[str, tuple[int, Any]]] = {
    "InfoRequest": {},
    "PluginInfo": {
        "type": (1, _TEXT), "name": (2, _TEXT), "endpoint": (3, _TEXT), "supported_versions": (4, (_MANY, _TEXT)),
    },
    "RegistrationStatus": {"plugin_registered": (1, _BOOL), "error": (2, _TEXT)},
    "RegistrationStatusResponse": {},
    "Claim": {"namespace": (1, _TEXT), "uid": (2, _TEXT), "name": (3, _TEXT)},
    "Device": {
        "request_names": (1, (_MANY, _TEXT)), "pool_name": (2, _TEXT), "device_name": (3, _TEXT),
        "cdi_device_ids": (4, (_MANY, _TEXT)),
    },
    "Prepared": {"devices": (1, (_MANY, "Device")), "error": (2, _TEXT)},
    "PreparedEntry": {"key": (1, _TEXT), "value": (2, "Prepared")},
    "PrepareRequest": {"claims": (1, (_MANY, "Claim"))},
    "PrepareResponse": {"claims": (1, (_MANY, "PreparedEntry"))},
    "Released": {"error": (1, _TEXT)},
    "ReleasedEntry": {"key": (1, _TEXT), "value": (2, "Released")},
    "ReleaseRequest": {"claims": (1, (_MANY, "Claim"))},
    "ReleaseResponse": {"claims": (1, (_MANY, "ReleasedEntry"))},
}  # fmt: skip
"""Fields by number and type. A map is written as what it is on the wire: a list of entries."""


class Method(NamedTuple):
    """One call: its name in the service, the message that is sent, the one that comes back."""

    name: str
    request: str
    answer: str


GET_INFO = Method("GetInfo", "InfoRequest", "PluginInfo")
NOTIFY = Method("NotifyRegistrationStatus", "RegistrationStatus", "RegistrationStatusResponse")
PREPARE = Method("NodePrepareResources", "PrepareRequest", "PrepareResponse")
RELEASE = Method("NodeUnprepareResources", "ReleaseRequest", "ReleaseResponse")


@cache
def message(name: str) -> Any:
    """Return the class of a message."""
    return _classes()[name]


@cache
def _classes() -> dict[str, Any]:
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    package = "kubern.devices"
    file = descriptor_pb2.FileDescriptorProto(name="kubern/devices.proto", package=package, syntax="proto3")
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        for field, (number, given) in fields.items():
            many = isinstance(given, tuple)
            kind = given[1] if many else given
            made: Any = described.field.add(name=field, number=number, label=3 if many else 1)
            made.type = _MESSAGE if isinstance(kind, str) else kind
            if isinstance(kind, str):
                made.type_name = f".{package}.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in _MESSAGES
    }
