"""The metrics of nodes: one that answers badly keeps nobody else's away."""

from __future__ import annotations

import asyncio

import orjson

from kubern.base.clock import FakeClock
from kubern.base.errors import ServiceUnavailable
from kubern.client.contract import ListResult, Reply
from kubern.http.contract import Peer, Request
from kubern.metrics import server
from kubern.metrics.server import MetricsServer

TEXT = b"""node_cpu_usage_seconds_total %d
node_memory_working_set_bytes %s
"""


class Nodes:
    """Nodes of which each is out for harm in its way, and one that is not."""

    names = ("silent", "away", "breaks", "odd", "times", "good")

    def __init__(self):
        self.transport = self
        self.count = 100

    async def request(self, method, path, *, query=None, body=b"", content_type="", accept=""):
        name = path.split("/")[4]
        if name == "silent":
            await asyncio.Event().wait()
        if name == "away":
            raise ServiceUnavailable("away")
        if name == "breaks":
            raise ValueError("nobody has thought of this")
        if name == "times":
            return Reply(200, b"node_cpu_usage_seconds_total 5 %d\nnode_memory_working_set_bytes 1\n" % 10**17)
        return Reply(200, TEXT % (self.count, b"NaN" if name == "odd" else b"4096"))

    async def list(self, gvr, namespace="", **options):
        return ListResult([{"metadata": {"name": name}} for name in self.names], "1")


async def test_no_node_keeps_the_others_metrics_away(monkeypatch):
    monkeypatch.setattr(server, "SECONDS", 0.2)
    nodes, clock = Nodes(), FakeClock()
    made = MetricsServer(nodes, clock, lambda name: None)
    for _ in range(2):
        async with asyncio.timeout(60):
            await made.scrape()
        await clock.advance(15)
        nodes.count += 30
    answer = await made.handle(Request("GET", "/apis/metrics.k8s.io/v1beta1/nodes", "", {}, b"", Peer()))
    items = orjson.loads(answer.body)["items"]
    assert [(each["metadata"]["name"], each["usage"]) for each in items] == [
        ("good", {"cpu": "2000000000n", "memory": "4Ki"})
    ]
