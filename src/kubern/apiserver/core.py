"""What every verb and subresource works with: the resources served, their storages, and the server's collaborators.

Made by `ApiServer`. What always holds: resources that share a storage prefix (a resource's versions, the two Event groups)
share one `Storage`, laid out as their storage version.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from kubern.api.resource import Resource
from kubern.api.schema import Schemas
from kubern.apiserver.admission_chain import AdmissionChain
from kubern.apiserver.aggregation import priorities
from kubern.apiserver.aggregation.extensions import Extensions
from kubern.apiserver.allocation.reservations import Reservations
from kubern.apiserver.answers import Negotiator
from kubern.apiserver.backends.access import Backends
from kubern.apiserver.backends.kubelet_tls import KubeletTls
from kubern.apiserver.config import Config
from kubern.apiserver.counts import Counts
from kubern.apiserver.encoding import Entry
from kubern.apiserver.encryption.sealing import Encryption
from kubern.apiserver.feed import Feed
from kubern.apiserver.forms import Form
from kubern.apiserver.freshness import Freshness
from kubern.apiserver.identity import Authorizer, allow_all
from kubern.apiserver.managing import Managing
from kubern.apiserver.policies.compiled import CompiledPolicies
from kubern.apiserver.storage import Storage
from kubern.apiserver.webhooks.caller import WebhookCaller
from kubern.apiserver.webhooks.configurations import MUTATING, VALIDATING, Configurations
from kubern.base.clock import Clock
from kubern.base.errors import NotFound
from kubern.base.json import Obj
from kubern.http.dial import dial_directly
from kubern.store.contract import Store

if TYPE_CHECKING:
    from kubern.apiserver.conversion_webhook import Converter
    from kubern.apiserver.security import Security

_VERSION = re.compile(r"v[1-9]\d*((alpha|beta)[1-9]\d*)?")


class Core:
    """The registry of an apiserver."""

    def __init__(
        self, store: Store, resources: Iterable[Resource], config: Config, clock: Clock, rng: random.Random
    ) -> None:
        self.store = store
        self.config = config
        self.clock = clock
        self.rng = rng
        self.counts = Counts()
        self.feed = Feed(store, clock)
        self.freshness = Freshness(store, self.feed) if store.shared else None
        self.reservations = Reservations()
        self.schemas = Schemas()
        self.negotiator = Negotiator(config.cbor)
        self.forms: dict[tuple[str, str, str], Form] = {}
        self.authorizer: Authorizer = allow_all
        self.security: Security
        """Set by `ApiServer` before anything is served."""
        self.managing = Managing(self)
        self.admission = AdmissionChain([])
        self.policies = CompiledPolicies()
        self._event_lease = (-1, 0)
        kubelet_tls = KubeletTls(
            config.kubelet_client_certificate, config.kubelet_client_key, config.kubelet_certificate_authority
        )
        self.backends = Backends(self.find_object, dial_directly, kubelet_tls, rng, self._slices_of)
        self.extensions = Extensions(self.backends, config.proxy_client_cert_file, config.proxy_client_key_file)
        self.webhooks = WebhookCaller(self.backends)
        self.mutating = Configurations(self.feed, MUTATING)
        self.validating = Configurations(self.feed, VALIDATING)
        self.encryption = Encryption(config.encryption_provider_config)
        declared = tuple(resources)
        self.resources: Mapping[tuple[str, str, str], Resource] = {
            (r.group, r.version, r.plural): r for r in declared if served(r, config.runtime_config)
        }
        self.built_in = frozenset(self.resources)
        """The keys of `resources` that stand for ever; the others come and go with their definitions."""
        self.converters: dict[str, Converter] = {}
        """The conversion webhooks of custom resources, by their storage prefix."""
        self._followers: list[Callable[[], None]] = []
        self._storages = self._make_storages(declared)
        self._by_name = {(s.resource.plural, s.resource.group): s for s in self._storages.values()}

    def _make_storages(self, declared: Sequence[Resource]) -> dict[str, Storage]:
        storages: dict[str, Storage] = {}
        for resource in sorted(declared, key=lambda r: not r.storage_version):
            prefix = resource.storage_prefix or resource.plural
            if resource.stored and prefix not in storages:
                storage = storages[prefix] = Storage(resource, self.store, self.feed)
                storage.cache.layout.seal = self.encryption.seal_for(resource.plural, resource.group)
                self.feed.add(storage.cache, storage.broadcaster)
        return storages

    def publish(self, storage: Storage, resources: Sequence[Resource]) -> None:
        """Serve the versions of a custom resource, in place of those that it has been served in; none: no longer.

        The whole registry is exchanged at once, so that a reader of `resources` never sees half of a change.
        """
        prefix = storage.prefix
        kept = {key: r for key, r in self.resources.items() if r.structural is None or r.storage_prefix != prefix}
        self.resources = kept | {(r.group, r.version, r.plural): r for r in resources}
        name = (storage.resource.plural, storage.resource.group)
        if resources:
            self._storages[prefix] = self._by_name[name] = storage
        else:
            self._storages.pop(prefix, None)
            self._by_name.pop(name, None)
        self.forms = {key: form for key, form in self.forms.items() if key[0] != storage.resource.group}
        self.announce()

    def announce(self) -> None:
        """Let the followers know that what is served has changed."""
        for follower in self._followers:
            follower()

    def converter(self, resource: Resource) -> Converter | None:
        """Return what converts between a resource's own version and the stored one, if that takes a webhook."""
        if not self.converters or resource.storage_version:
            return None
        return self.converters.get(resource.storage_prefix)

    def follow(self, follower: Callable[[], None]) -> None:
        """Call `follower` whenever `resources` have changed."""
        self._followers.append(follower)

    def storage(self, resource: Resource) -> Storage:
        """Return where a resource is kept. Raises `NotFound` for a custom one that has gone meanwhile."""
        storage = self._storages.get(resource.storage_prefix or resource.plural)
        if storage is None:
            raise NotFound("the server could not find the requested resource")
        return storage

    def storage_of(self, plural: str, group: str = "") -> Storage:
        """Return where the objects of `plural` are kept, whatever version. Raises `LookupError`."""
        storage = self._by_name.get((plural, group))
        if storage:
            return storage
        raise LookupError(f"no such resource: {plural}.{group}")

    def has_storage(self, plural: str, group: str = "") -> bool:
        """Whether objects of `plural` are kept here at all."""
        return (plural, group) in self._by_name

    def _slices_of(self, namespace: str, service: str) -> list[Obj]:
        slices = self.select("endpointslices", namespace, "discovery.k8s.io")
        return [entry.obj() for entry in slices if entry.labels.get("kubernetes.io/service-name") == service]

    def select(self, plural: str, namespace: str = "", group: str = "") -> Sequence[Entry]:
        """Return the objects of a resource (in a namespace); none where the server does not have the resource."""
        storage = self._by_name.get((plural, group))
        return storage.cache.select(namespace) if storage else ()

    def find(self, plural: str, namespace: str, name: str, group: str = "") -> Entry | None:
        """Return an object from the watch cache, or None."""
        return self.storage_of(plural, group).find(namespace, name)

    def find_object(self, plural: str, namespace: str, name: str) -> Obj | None:
        """Return an object of the core group, parsed, or None."""
        entry = self.find(plural, namespace, name)
        return entry.obj() if entry is not None else None

    def namespace(self, name: str) -> Entry | None:
        """Return a namespace, or None."""
        storage = self._storages.get("namespaces")
        return storage.cache.entries.get(name) if storage else None

    async def lease_for(self, resource: Resource) -> int:
        """Return the lease that a new object hangs on: events are kept for an hour, everything else for ever.

        Events created in the same minute share a lease, so that a storm of events does not make a storm of leases.
        """
        if resource.plural != "events":
            return 0
        minute = int(self.clock.monotonic() // 60)
        if self._event_lease[0] != minute:
            self._event_lease = (minute, await self.store.grant(self.config.event_ttl + 60))
        return self._event_lease[1]

    def group_versions(self) -> dict[str, list[str]]:
        """Return the served groups in upstream's order, each with its versions, the preferred one first."""
        remotes = self.extensions.remotes
        groups: dict[str, list[str]] = {}
        for group, version in [(key[0], key[1]) for key in self.resources] + list(remotes):
            versions = groups.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        order = {group: priorities.GROUPS.get(group, priorities.CUSTOM_GROUP) for group in groups}
        own = {key[0] for key in self.resources}
        for group, _ in remotes:
            order[group] = order[group] if group in own else 0
        for (group, _), remote in remotes.items():
            order[group] = max(order[group], remote.group_priority)
        for group, versions in groups.items():
            versions.sort()
            versions.sort(key=version_priority, reverse=True)
            if any((group, version) in remotes for version in versions):
                versions.sort(key=partial(self._version_priority, group), reverse=True)
        return {g: groups[g] for g in sorted(groups, key=lambda g: (bool(g), -order[g], g))}

    def _version_priority(self, group: str, version: str) -> int:
        remote = self.extensions.remotes.get((group, version))
        if remote is not None:
            return remote.version_priority
        if group in priorities.GROUPS:
            return priorities.version_priority(group, version)
        return priorities.CUSTOM_VERSION


def version_priority(version: str) -> tuple[int, int, int]:
    """Return a key that sorts stable after beta after alpha, and higher numbers last: v2 is preferred to v1 and v1beta1.

    Names of another shape, which custom resources may have, come before all of them.
    """
    if not _VERSION.fullmatch(version):
        return -1, 0, 0
    for stage, marker in ((1, "beta"), (0, "alpha")):
        if marker in version:
            major, _, minor = version[1:].partition(marker)
            return stage, _number(major), _number(minor)
    return 2, _number(version[1:]), 0


def served(resource: Resource, runtime_config: Mapping[str, bool]) -> bool:
    """Whether a resource's version is on: stable ones are unless switched off, beta and alpha ones only by --runtime-config."""
    stage = version_priority(resource.version)[0]
    stage_key = ("api/alpha", "api/beta", "api/ga")[stage]
    exact = f"{resource.group}/{resource.version}" if resource.group else resource.version
    for key in (f"{exact}/{resource.plural}", exact, stage_key, "api/all"):
        if key in runtime_config:
            return runtime_config[key]
    return stage == 2


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0
