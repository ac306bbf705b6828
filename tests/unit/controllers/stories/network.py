"""Services get endpoints and addresses, nodes their ranges of pods."""

from __future__ import annotations

from kubern.base.json import Obj
from kubern.controllers.kinds import endpoints, endpointslice, endpointslice_mirroring, nodeipam, servicecidrs
from kubern.controllers.resources import ENDPOINTS, IP_ADDRESSES, NODES, PODS, SERVICE_CIDRS, SERVICES
from tests.unit.controllers.killed import Story
from tests.unit.controllers.late import Server
from tests.unit.controllers.stories.acts import drop, later, make, node, spec
from tests.unit.controllers.world import pod

META = {"name": "db", "namespace": "ns"}
SERVICE = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": META,
    "spec": {"clusterIP": "10.96.0.9", "selector": {"app": "db"}, "ports": [{"port": 80, "targetPort": 8080}]},
}
ENDPOINTS_BY_HAND = {
    "apiVersion": "v1",
    "kind": "Endpoints",
    "metadata": META,
    "subsets": [{"addresses": [{"ip": f"10.1.0.{n}"} for n in range(1, 5)], "ports": [{"port": 80}]}],
}


def _backend(number: int) -> Obj:
    return pod(f"p{number}", {"app": "db"}, ip=f"10.0.{number // 250}.{number % 250 + 1}")


def _other_addresses(server: Server) -> None:
    found = server.get(ENDPOINTS, "db")
    subsets = [{"addresses": [{"ip": "fd00::1"}, {"ip": "10.1.0.9"}], "ports": [{"port": 81}]}]
    server.change(ENDPOINTS, found, subsets=subsets)


STORIES = {
    "a Service's pods come and go": Story(
        (endpoints.CONTROLLER, endpointslice.CONTROLLER),
        (
            make(NODES, node("n1")),
            make(SERVICES, SERVICE),
            make(PODS, *map(_backend, range(120))),
            *(drop(PODS, f"p{number}") for number in (3, 110)),
            spec(SERVICES, ports=[{"port": 80, "targetPort": 9090}]),
            spec(SERVICES, selector={"app": "other"}),
        ),
    ),
    "Endpoints that somebody writes are mirrored": Story(
        (endpointslice_mirroring.CONTROLLER,),
        (
            make(SERVICES, {**SERVICE, "spec": {"clusterIP": "10.96.0.9"}}),
            make(ENDPOINTS, ENDPOINTS_BY_HAND),
            _other_addresses,
            drop(ENDPOINTS),
        ),
    ),
    "each node gets a range of pods": Story(
        (nodeipam.CONTROLLER,),
        (make(NODES, *map(node, ("n1", "n2", "n3"))), drop(NODES, "n2", ""), make(NODES, node("n4"))),
    ),
    "a range of Service addresses goes when its last address has gone": Story(
        (servicecidrs.CONTROLLER,),
        (
            make(SERVICE_CIDRS, {"metadata": {"name": "db"}, "spec": {"cidrs": ["10.9.0.0/24"]}}),
            make(
                IP_ADDRESSES,
                {
                    "metadata": {
                        "name": "10.9.0.4",
                        "labels": {"ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"},
                    }
                },
            ),
            drop(SERVICE_CIDRS, "db", ""),
            later(30),
            drop(IP_ADDRESSES, "10.9.0.4", ""),
            later(30),
        ),
    ),
}
