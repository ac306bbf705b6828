"""OpenAPI: the documents by which `kubectl explain`, `kubectl apply` and client generators know the API."""

from kubern.api.openapi.documents import V2_TYPES, OpenAPI

__all__ = ["V2_TYPES", "OpenAPI"]
