"""Custom resources: every CustomResourceDefinition becomes resources that are served like the built-in ones."""

from kubern.apiserver.customresources.registry import CustomResources

__all__ = ["CustomResources"]
