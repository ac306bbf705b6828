"""What an image reference says about pulling it. Used by the defaults of containers and of image volumes."""

from __future__ import annotations


def pull_policy(image: str) -> str:
    """Return `Always` for an image whose tag is `latest` (given, or implied by neither tag nor digest), else `IfNotPresent`."""
    name, _, digest = image.partition("@")
    last = name.rpartition("/")[2]  # a colon before the last slash is a registry's port
    tag = last.partition(":")[2]
    if tag == "latest" or not (tag or digest):
        return "Always"
    return "IfNotPresent"
