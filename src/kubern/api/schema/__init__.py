"""What a schema is good for: type-checking, pruning, normalising, merging patches and validating custom resources.

`Schemas()[resource.schema]` is the schema of a built-in resource; `settle` decodes a request's object with it;
`patch` merges. The schemas of custom resources (`StructuralSchema`) answer to the same calls.
"""

from kubern.api.schema.compile import NotDecodable, Schema, Schemas, settle
from kubern.api.schema.definitions import Definitions
from kubern.api.schema.slow import WrongType
from kubern.api.schema.structural import StructuralSchema
from kubern.api.schema.types import Type, Types

__all__ = [
    "Definitions",
    "NotDecodable",
    "Schema",
    "Schemas",
    "StructuralSchema",
    "Type",
    "Types",
    "WrongType",
    "settle",
]
