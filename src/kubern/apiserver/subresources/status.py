"""`/status`: what controllers report of an object, kept apart from what users ask of it."""

from __future__ import annotations

from kubern.apiserver.replacing import replacing
from kubern.apiserver.strategy import status_strategy
from kubern.apiserver.subresource import SubresourceHandler

SUBRESOURCE = SubresourceHandler("status", replacing(status_strategy))
