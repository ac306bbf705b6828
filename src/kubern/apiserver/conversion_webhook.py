"""Conversion webhooks: custom objects from one version to another by asking the server that their definition names.

A webhook takes time, and the code that shows, reads and admits objects does not wait. So `Converter.convert` answers from what
it remembers, or raises `NeedsConversion`; whoever serves the request has the webhook asked (`resolve`), and begins again. What always
holds: an answer is remembered by what was asked, so the second attempt finds it; nothing that has been written is written again.
Source: Kubernetes documentation, "Versions in CustomResourceDefinitions", webhook conversion.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import orjson

from kubern.api.rules.values import at, part
from kubern.apiserver.conversion_review import BadConversion, checked_results, results_of
from kubern.apiserver.metadata import UnknownReason, random_uid
from kubern.apiserver.webhooks.caller import WebhookFailed
from kubern.base.json import Obj

if TYPE_CHECKING:
    from kubern.apiserver.core import Core

T = TypeVar("T")
SECONDS = 30.0
MOST_REMEMBERED = 64 * 1024 * 1024
"""Bytes of converted objects that a definition's converter keeps; what the last answer held is kept in any case."""
MOST_ASKED = 4 * 1024 * 1024
"""Bytes of objects in one question, unless it is about a single one; an answer may be four times as large (`ANSWER_LIMIT`)."""
ROUNDS = 32
"""How often one request begins again: once a place in which it converts, in practice."""
_GROUP = "apiextensions.k8s.io"
_REVIEWS = ("v1", "v1beta1")
"""The versions of ConversionReview that are spoken; a definition's first one of these counts."""


class NeedsConversion(Exception):
    """Objects have to be converted before the work can be done."""

    def __init__(self, converter: Converter, objects: Sequence[bytes], target: str) -> None:
        super().__init__(target)
        self._converter, self._objects, self._target = converter, objects, target

    async def resolve(self) -> None:
        """Ask the webhook. Raises `StatusError` when it cannot be asked or answers nonsense."""
        await self._converter.ask(self._objects, self._target)


async def converted(work: Callable[[], T | Awaitable[T]]) -> T:
    """Do some work, anew after each conversion that it turns out to need. The work must not write anything before it knows it can end."""
    for _ in range(ROUNDS):
        try:
            done = work()
            return await done if inspect.isawaitable(done) else done
        except NeedsConversion as need:
            await need.resolve()
    raise UnknownReason("the objects of this request could not be converted: each attempt asked for another conversion")


class Converter:
    """The conversions of one definition's objects."""

    def __init__(self, core: Core, crd: Obj) -> None:
        webhook = part(crd, "spec.conversion.webhook")
        self._core = core
        self._client: Obj = part(webhook, "clientConfig")
        self._versions: Sequence[str] = webhook.get("conversionReviewVersions") or ()
        self._kind = f"{at(crd, 'spec.group')}/%s, Kind={at(crd, 'spec.names.kind')}"
        self._remembered: dict[bytes, bytes] = {}
        self._size = 0

    def convert(self, obj: Obj, target: str) -> Obj:
        """Return the object in the version `target` (`example.com/v2`). Raises `NeedsConversion`."""
        if obj.get("apiVersion") == target:
            return obj
        asked = orjson.dumps(obj)
        known = self._remembered.get(_key(asked, target))
        if known is None:
            raise NeedsConversion(self, [asked], target)
        answer: Obj = orjson.loads(known)
        return answer

    def prepare(self, objects: Sequence[Obj], target: str) -> None:
        """Raise `NeedsConversion` for all of these objects that are not known in `target`, so that they are asked about together."""
        asked = [orjson.dumps(obj) for obj in objects if obj.get("apiVersion") != target]
        missing = [body for body in asked if _key(body, target) not in self._remembered]
        if missing:
            raise NeedsConversion(self, missing, target)

    async def ask(self, objects: Sequence[bytes], target: str) -> None:
        """Have the webhook convert objects, and remember what it says. Raises `UnknownReason`, 500 as upstream answers it."""
        kept: dict[bytes, bytes] = {}
        for batch in _batches(objects):
            for body, obj in zip(batch, await self._convert_by_webhook(batch, target), strict=True):
                kept[_key(body, target)] = orjson.dumps(obj)
        self._remember(kept)

    async def _convert_by_webhook(self, objects: Sequence[bytes], target: str) -> list[Obj]:
        given = [orjson.loads(body) for body in objects]
        version = next((known for known in self._versions if known in _REVIEWS), "")
        if not version:
            raise UnknownReason("no supported conversion review versions")
        kind = self._kind % given[0]["apiVersion"].rpartition("/")[2]
        uid = random_uid(self._core.rng)
        request = {"uid": uid, "desiredAPIVersion": target, "objects": given}
        review = {"kind": "ConversionReview", "apiVersion": f"{_GROUP}/{version}", "request": request}
        try:
            answer = await self._core.webhooks.post(self._client, review, SECONDS)
            results = results_of(answer, version, uid)
        except (WebhookFailed, BadConversion) as error:
            raise UnknownReason(f"conversion webhook for {kind} failed: {error}") from error
        try:
            return checked_results(given, results, target)
        except BadConversion as error:
            raise UnknownReason(f"conversion webhook for {kind} returned {error}") from error

    def _remember(self, kept: dict[bytes, bytes]) -> None:
        new = {key: body for key, body in kept.items() if key not in self._remembered}
        self._size += sum(map(len, new.values()))
        self._remembered |= new
        oldest = iter([key for key in self._remembered if key not in kept] if self._size > MOST_REMEMBERED else ())
        while self._size > MOST_REMEMBERED and (key := next(oldest, None)):
            self._size -= len(self._remembered.pop(key))


def _batches(objects: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield the objects in runs whose answers can be expected to be small enough."""
    batch: list[bytes] = []
    size = 0
    for body in objects:
        if batch and size + len(body) > MOST_ASKED:
            yield batch
            batch, size = [], 0
        batch.append(body)
        size += len(body)
    if batch:
        yield batch


def _key(body: bytes, target: str) -> bytes:
    return hashlib.blake2b(body, key=target.encode()[:64], digest_size=20).digest()
