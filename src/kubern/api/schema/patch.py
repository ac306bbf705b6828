"""The three kinds of patch, applied and made. Re-exported for callers that need no more than that."""

from kubern.api.schema.json_patch import apply_json_patch
from kubern.api.schema.merge_patch import apply_merge_patch, create_merge_patch
from kubern.api.schema.patch_errors import MalformedPatch, PatchFailed
from kubern.api.schema.strategic import apply_strategic
from kubern.api.schema.strategic_diff import create_strategic

__all__ = [
    "MalformedPatch", "PatchFailed", "apply_json_patch", "apply_merge_patch", "apply_strategic", "create_merge_patch",
    "create_strategic",
]  # fmt: skip
