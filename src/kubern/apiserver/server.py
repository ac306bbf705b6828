"""The apiserver put together: `ApiServer(store, resources, config, clock)`, then `await start()`, then serve `handler`.

Made by `kubern apiserver` and by `kubern up`. What always holds: the handler may be called from `start` on; before it the
health checks say so.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable

from kubern.api.resource import Resource
from kubern.apiserver import admission, subresources, verbs
from kubern.apiserver.admission_chain import Admission, AdmissionChain
from kubern.apiserver.aggregation.aggregation import Aggregation
from kubern.apiserver.aggregation.authentication_config import publish_authentication
from kubern.apiserver.allocation.ledger import GROUP, PLURAL, AddressLedger
from kubern.apiserver.allocation.port_ledger import PortLedger
from kubern.apiserver.allocation.ranges import AddressRanges
from kubern.apiserver.allocation.services import ServiceTaker, ports_of
from kubern.apiserver.allocation.telling import PORTS, warn
from kubern.apiserver.answers import object_response
from kubern.apiserver.audit.auditing import audited
from kubern.apiserver.bootstrap import bootstrap
from kubern.apiserver.config import Config
from kubern.apiserver.core import Core
from kubern.apiserver.customresources import CustomResources
from kubern.apiserver.discovery import Discovery
from kubern.apiserver.edge import Edge
from kubern.apiserver.flags import flags_of
from kubern.apiserver.flow.keeping import Keeping
from kubern.apiserver.flow.limits import limits_of
from kubern.apiserver.health import Health
from kubern.apiserver.meters import Meters
from kubern.apiserver.openapi import Documents
from kubern.apiserver.openid import install_openid
from kubern.apiserver.pipeline import Pipeline, Routes
from kubern.apiserver.pretty import prettied
from kubern.apiserver.review import reviewers
from kubern.apiserver.security import secure
from kubern.apiserver.subresource import SubresourceHandler
from kubern.apiserver.verb import Verb
from kubern.base.clock import Clock
from kubern.base.scan import scan
from kubern.diagnostics.profiling import ROOT as PPROF
from kubern.diagnostics.profiling import Profiling
from kubern.diagnostics.zpages import ZPages
from kubern.http.contract import Handler
from kubern.store.contract import Store

BOOKMARK_EVERY = 60.0
_log = logging.getLogger(__name__)


class ApiServer:
    """One apiserver over a store, which stays the caller's to close."""

    def __init__(
        self,
        store: Store,
        resources: Iterable[Resource],
        config: Config,
        clock: Clock,
        rng: random.Random | None = None,
    ) -> None:
        self.core = Core(store, resources, config, clock, rng or random.Random())
        plugins = scan(admission, "ADMISSION", Admission)
        self.core.admission = AdmissionChain(p for p in plugins if p.name not in config.disable_admission_plugins)
        self.core.security = secure(self.core)
        self.core.authorizer = self.core.security.authorize
        ranges = AddressRanges(config.service_cluster_ip_range, self.core.rng)
        self._services = ServiceTaker(ranges, config.service_node_port_range, self.core.rng)
        self._ledger = AddressLedger(self.core, ranges) if (GROUP, "v1", PLURAL) in self.core.resources else None
        self._services.ledger = self._ledger
        self._node_ports = PortLedger(store, self._services.ports, self._used_node_ports, clock, self._tell_of_ports)
        self._services.port_ledger = self._node_ports
        self._custom = CustomResources(self.core)
        self._aggregation = Aggregation(self.core)
        self.routes = Routes()
        self._health = Health(self.core)
        self._health.install(self.routes)
        Discovery(self.core).install(self.routes)
        Documents(self.core).install(self.routes)
        install_openid(self.core, self.routes)
        self.routes.add("/", lambda request, info: object_response(200, {"paths": ["/", *self.routes.paths()[1:]]}))
        pipeline = Pipeline(
            self.core,
            self.routes,
            scan(verbs, "VERB", Verb),
            [*scan(subresources, "SUBRESOURCE", SubresourceHandler), *reviewers()],
        )
        limits = limits_of(self.core)
        self._flow = limits.flow
        self._flow_objects = Keeping(self.core) if limits.flow else None
        meters = Meters(self.core, limits.flow)
        meters.install(self.routes)
        meters.others.append(self._aggregation.families)
        self._show_itself()
        edge = Edge(self.core, self.core.security.authenticate, pipeline, limits, meters)
        handler = prettied(edge.handle)
        self._auditing = audited(handler, config, clock)
        self.handler: Handler = self._auditing.handle if self._auditing else handler
        if self._auditing:
            meters.others.append(self._auditing.families)
        self._tasks: list[asyncio.Task[None]] = []

    def _show_itself(self) -> None:
        """Serve the pages that tell what this server is and does."""
        config, clock = self.core.config, self.core.clock
        pages = ZPages("kube-apiserver", clock, self.routes.paths, lambda: dict(flags_of(config)))
        self.routes.add("/statusz", lambda request, info: pages.statusz(request))
        self.routes.add("/flagz", lambda request, info: pages.flagz(request))
        if config.profiling:
            profiling = Profiling(clock)
            for path in (PPROF, f"{PPROF}/*"):
                self.routes.add(path, lambda request, info: profiling.serve(request))

    async def start(self) -> None:
        """Fill the watch caches and create what every cluster has."""
        await self.core.feed.start()
        self._take_addresses()
        await self._node_ports.mend()
        await bootstrap(self.core)
        await publish_authentication(self.core)
        await self._custom.settle()
        await self._aggregation.start()
        await self.core.security.legacy_tokens.start()
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(self.core.security.legacy_tokens.run(), name="use of legacy tokens"))
        self._tasks.append(loop.create_task(self._node_ports.run(), name="node ports"))
        if self._ledger:
            self._tasks.append(loop.create_task(self._ledger.run(), name="addresses of services"))
        self._tasks.append(loop.create_task(self._send_bookmarks(), name="bookmarks"))
        self._tasks.append(loop.create_task(self._custom.run(), name="custom resources"))
        if self._aggregation.active:
            self._tasks.append(loop.create_task(self._aggregation.run(), name="aggregation"))
        if self._flow:
            self._tasks.append(loop.create_task(self._flow.run(), name="seats of priority levels"))
        if self._flow_objects:
            self._tasks.append(loop.create_task(self._flow_objects.run(), name="flow control's objects"))
        if self.core.config.encryption_provider_config_automatic_reload:
            self._tasks.append(
                loop.create_task(
                    self.core.encryption.run(self.core.clock, self.core.feed.reopen), name="encryption configuration"
                )
            )
        if self.core.security.oidc_keys:
            self._tasks.append(loop.create_task(self.core.security.oidc_keys.run(), name="OpenID Connect keys"))
        if self._auditing:
            self._tasks.append(loop.create_task(self._auditing.run(), name="audit webhook"))
        self._health.started = True

    def _take_addresses(self) -> None:
        """Take what the stored Services hold, and look after the Services' addresses and ports from now on."""
        taker = self._services
        taker.load(entry.obj() for entry in self.core.storage_of("services").cache.entries.values())
        self.core.reservations.add("services", taker)

    def _used_node_ports(self) -> Iterable[int]:
        for entry in self.core.storage_of("services").cache.entries.values():
            if b'odePort":' in entry.item:
                yield from ports_of(entry.obj())

    async def _tell_of_ports(self, ports: list[int]) -> None:
        """Warn the Services whose node ports were not written down."""
        for entry in list(self.core.storage_of("services").cache.entries.values()):
            service = entry.obj() if b'odePort":' in entry.item else {}
            for port in set(ports_of(service)) & set(ports) if service else ():
                text = f"Port {port} is not allocated; repairing"
                await warn(self.core, PORTS, service, "PortNotAllocated", text)

    async def close(self) -> None:
        """End every watch and let go of the store."""
        self._health.stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._auditing:
            await self._auditing.close()
        self.core.webhooks.close()
        await self.core.feed.close()

    async def _send_bookmarks(self) -> None:
        while True:
            await self.core.clock.sleep(BOOKMARK_EVERY)
            self.core.feed.bookmark()
