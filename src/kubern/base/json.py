"""The names of JSON-shaped values. API objects stay plain dicts in the API's own shape (design decision 2)."""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]
"""An API object, or a part of one, in its JSON shape."""
