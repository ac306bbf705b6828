"""OpenID Connect discovery of the service account issuer: how others check this cluster's tokens."""

from __future__ import annotations

import orjson

from kubern.api.token_keys import jwks, openid_configuration
from kubern.apiserver.core import Core
from kubern.apiserver.pipeline import Routes
from kubern.http.contract import Response

CONFIGURATION, KEYS = "/.well-known/openid-configuration", "/openid/v1/jwks"


def install_openid(core: Core, routes: Routes) -> None:
    """Serve the two documents when there are keys."""
    security, config = core.security, core.config
    if not security.keys:
        return
    uri = f"https://{config.advertise_address}:{config.secure_port}{KEYS}"
    configuration = orjson.dumps(openid_configuration(config.service_account_issuer, uri, security.keys))
    keys = orjson.dumps(jwks(security.keys))
    cached = ("cache-control", "public, max-age=3600")
    routes.add(CONFIGURATION, lambda request, info: _answer(configuration, "application/json", cached))
    routes.add(KEYS, lambda request, info: _answer(keys, "application/jwk-set+json", cached))


def _answer(body: bytes, kind: str, cached: tuple[str, str]) -> Response:
    return Response(200, (("content-type", kind), cached), body)
