"""Conversion webhooks: custom objects from one version to another by asking the server that their definition names.

A webhook takes time, and the code that shows, reads and admits objects does not wait. So `Converter.convert` answers from what
it remembers, or raises `NeedsConversion`; whoever serves the request has the webhook asked (`resolve`), and begins again. What always
holds: an answer is remembered by what was asked, so the second attempt finds it; nothing that has been written is written again.
Source: Kubernetes documentation, "Versions in CustomResourceDefinitions", webhook conversion.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from kubern.api.rules.values import at, part
from kubern.apiserver.metadata import UnknownReason, random_uid
from kubern.apiserver.webhooks.caller import WebhookFailed
from kubern.base.json import Obj

if TYPE_CHECKING:
    from kubern.apiserver.core import Core

T = TypeVar("T")
SECONDS = 30.0
MOST_REMEMBERED = 64 * 1024 * 1024
"""Bytes of converted objects that a definition's converter keeps; what the last answer held is kept in any case."""
ROUNDS = 32
"""How often one request begins again: once a place in which it converts, in practice."""
_API_VERSION = "apiextensions.k8s.io/v1"


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
        given = [orjson.loads(body) for body in objects]
        failed = f"conversion webhook for {self._kind % given[0]['apiVersion'].rpartition('/')[2]} failed: "
        if "v1" not in self._versions:
            raise UnknownReason(failed + "no supported conversion review versions")
        uid = random_uid(self._core.rng)
        request = {"uid": uid, "desiredAPIVersion": target, "objects": given}
        review = {"kind": "ConversionReview", "apiVersion": _API_VERSION, "request": request}
        try:
            answer = await self._core.webhooks.post(self._client, review, SECONDS)
            results = _results(answer, uid, len(given))
        except (WebhookFailed, _BadAnswer) as error:
            raise UnknownReason(failed + str(error)) from error
        kept: dict[bytes, bytes] = {}
        for index, (body, before, after) in enumerate(zip(objects, given, results, strict=True)):
            try:
                kept[_key(body, target)] = orjson.dumps(_checked(before, after, target))
            except _BadAnswer as error:
                raise UnknownReason(failed + f"invalid converted object at index {index}: {error}") from error
        self._remember(kept)

    def _remember(self, kept: dict[bytes, bytes]) -> None:
        self._size += sum(map(len, kept.values()))
        while self._size > MOST_REMEMBERED and self._remembered:
            oldest = next(iter(self._remembered))
            self._size -= len(self._remembered.pop(oldest))
        self._remembered |= kept


class _BadAnswer(Exception):
    """What a webhook answered is no conversion."""


def _key(body: bytes, target: str) -> bytes:
    return hashlib.blake2b(body, key=target.encode()[:64], digest_size=20).digest()


def _results(answer: Obj, uid: str, count: int) -> list[Any]:
    if (answer.get("apiVersion"), answer.get("kind")) != (_API_VERSION, "ConversionReview"):
        raise _BadAnswer(f"expected webhook response of {_API_VERSION}, Kind=ConversionReview")
    response = answer.get("response")
    if not isinstance(response, dict):
        raise _BadAnswer("no response provided")
    if response.get("uid") != uid:
        raise _BadAnswer(f'expected response.uid="{uid}", got "{response.get("uid") or ""}"')
    if part(response, "result").get("status") != "Success":
        raise _BadAnswer(str(at(response, "result.message") or "no reason given"))
    objects = response.get("convertedObjects")
    if not isinstance(objects, list) or len(objects) != count:
        got = len(objects) if isinstance(objects, list) else 0
        raise _BadAnswer(f"webhook returned {got} objects, expected {count}")
    return objects


def _checked(before: Obj, after: Any, target: str) -> Obj:
    """Return a converted object with the metadata it had: a webhook may change labels and annotations and nothing else of it."""
    if not isinstance(after, dict) or not isinstance(after.get("metadata"), dict):
        raise _BadAnswer("must be an object with metadata")
    if after.get("apiVersion") != target:
        raise _BadAnswer(f"invalid apiVersion (expected {target}, received {after.get('apiVersion')})")
    if after.get("kind") != before.get("kind"):
        raise _BadAnswer(f"invalid kind (expected {before.get('kind')}, received {after.get('kind')})")
    metadata = {key: value for key, value in before["metadata"].items() if key not in ("labels", "annotations")}
    given = after["metadata"]
    if before["metadata"].get("uid") and given.get("uid") != before["metadata"]["uid"]:
        raise _BadAnswer("metadata.uid may not be changed")
    for key in ("labels", "annotations"):
        words = given.get(key)
        if not words:
            continue
        if not isinstance(words, dict) or not all(isinstance(word, str) for word in words.values()):
            raise _BadAnswer(f"metadata.{key} must be a map of strings")
        metadata[key] = words
    return {**after, "metadata": metadata}
