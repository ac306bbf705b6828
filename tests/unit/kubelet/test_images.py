"""Images: policies, names, sign-ins, back-off."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest

from kubern.base.clock import FakeClock
from kubern.base.json import Obj
from kubern.kubelet.images import ImageError, Images, default_policy, registry, sign_ins
from kubern.kubelet.podspec import steps
from kubern.kubelet.runtime.config import SandboxConfig
from kubern.kubelet.runtime.contract import Auth, Image, RuntimeFailure
from tests.unit.kubelet.pods import pod

SANDBOX = SandboxConfig("p", "ns", "u")


class Runtime:
    """Has the images of `there` and can pull those of `remote`."""

    def __init__(self, there: set[str], remote: set[str]) -> None:
        self.there, self.remote = there, remote
        self.pulled: list[tuple[str, Auth | None]] = []

    async def image_status(self, image: str) -> Image | None:
        return Image(f"id-{image}", size=7) if image in self.there else None

    async def pull_image(self, image: str, auth: Auth | None, sandbox: SandboxConfig) -> str:
        self.pulled.append((image, auth))
        if image not in self.remote:
            raise RuntimeFailure("NOT_FOUND", f"{image}: not found")
        self.there.add(image)
        return image


class Secrets:
    async def get(self, kind: str, namespace: str, name: str) -> Obj | None:
        auths = {"auths": {"r.example": {"auth": base64.b64encode(b"me:pw").decode()}}}
        data = {".dockerconfigjson": base64.b64encode(orjson.dumps(auths)).decode()}
        return {"data": data} if name == "there" else None


class Events:
    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def event(self, regarding: Obj, kind: str, reason: str, message: str, *, field_path: str = "") -> None:
        self.said.append((reason, message))


class World:
    def __init__(self, there: set[str] = frozenset(), remote: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        self.runtime, self.events, self.clock = Runtime(set(there), set(remote)), Events(), FakeClock()
        self.images = Images(self.runtime, Secrets(), self.events, self.clock)  # type: ignore[arg-type]

    async def ensure(self, image: str, policy: str = "IfNotPresent", **spec: Any) -> Image:
        owner = pod({"image": image, "imagePullPolicy": policy}, **spec)
        return await self.images.ensure(owner, next(steps(owner)), SANDBOX)

    async def refused(self, image: str, policy: str = "IfNotPresent") -> ImageError:
        with pytest.raises(ImageError) as caught:
            await self.ensure(image, policy)
        return caught.value


async def test_an_image_that_is_there_is_not_pulled() -> None:
    world = World({"a:1"})
    assert (await world.ensure("a:1")).id == "id-a:1"
    assert world.runtime.pulled == []
    message = 'Container image "a:1" already present on machine and can be accessed by the pod'
    assert world.events.said == [("Pulled", message)]


async def test_always_pulls() -> None:
    world = World({"a:1"}, {"a:1"})
    await world.ensure("a:1", "Always")
    assert world.runtime.pulled == [("a:1", None)]
    assert [reason for reason, _ in world.events.said] == ["Pulling", "Pulled"]


async def test_never_pulls() -> None:
    error = await World().refused("a:1", "Never")
    assert (error.reason, error.message) == (
        "ErrImageNeverPull",
        'Container image "a:1" is not present with pull policy of Never',
    )


@pytest.mark.parametrize("name", ["", "Upper", "a b", "a:b:c", "/x", "a@sha256:12"])
async def test_bad_names(name: str) -> None:
    assert (await World().refused(name)).reason == "InvalidImageName"


@pytest.mark.parametrize("name", ["a", "a/b", "r.example:5000/a/b:t_1.0", "a@sha256:" + "0" * 64, "localhost/x:1"])
async def test_good_names(name: str) -> None:
    assert await World({name}).ensure(name)


async def test_failed_pulls_wait_longer_and_longer() -> None:
    world = World()
    assert (await world.refused("a:1")).reason == "ErrImagePull"
    waiting = await world.refused("a:1")
    assert waiting.reason == "ImagePullBackOff"
    assert waiting.message == 'Back-off pulling image "a:1": ErrImagePull: a:1: not found'
    assert waiting.retry_after == 10
    await world.clock.advance(10)
    assert (await world.refused("a:1")).reason == "ErrImagePull"
    assert (await world.refused("a:1")).retry_after == 20
    assert len(world.runtime.pulled) == 2
    world.images.forget("u")
    assert (await world.refused("a:1")).reason == "ErrImagePull"


async def test_pull_secrets_sign_in() -> None:
    world = World(remote={"r.example/a:1"})
    await world.ensure("r.example/a:1", imagePullSecrets=[{"name": "there"}, {"name": "gone"}])
    assert world.runtime.pulled == [("r.example/a:1", Auth("me", "pw", server="r.example"))]
    assert any(reason == "FailedToRetrieveImagePullSecret" for reason, _ in world.events.said)


@pytest.mark.parametrize(
    ("server", "image", "fits"),
    [
        ("https://index.docker.io/v1/", "busybox", True),
        ("r.example", "r.example/a", True),
        ("r.example", "other.example/a", False),
        ("*.example", "r.example/a", True),
        ("*.example", "r.s.example/a", False),
        ("r.example/team", "r.example/team/a", True),
        ("r.example/team", "r.example/other/a", False),
        ("r.example:5000", "r.example/a", False),
    ],
)
def test_which_sign_in_fits(server: str, image: str, fits: bool) -> None:
    text = base64.b64encode(orjson.dumps({"auths": {server: {"username": "u", "password": "p"}}})).decode()
    assert bool(sign_ins({".dockerconfigjson": text}, image)) is fits


def test_broken_pull_secrets_are_no_sign_ins() -> None:
    assert sign_ins({".dockerconfigjson": "!"}, "a") == []


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("a", "Always"),
        ("a:latest", "Always"),
        ("a:1", "IfNotPresent"),
        ("r:5000/a", "Always"),
        ("a@sha256:0", "IfNotPresent"),
    ],
)
def test_default_policies(image: str, policy: str) -> None:
    assert default_policy(image) == policy


@pytest.mark.parametrize(
    ("image", "host"),
    [("a", "docker.io"), ("a/b", "docker.io"), ("r.example/a", "r.example"), ("localhost/a", "localhost")],
)
def test_registries(image: str, host: str) -> None:
    assert registry(image) == host
