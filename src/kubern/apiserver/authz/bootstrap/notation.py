"""A short notation for PolicyRules, one line a rule: `verbs groups resources [names]`, each a comma-separated list.

The core group is written `core`; `read` stands for get,list,watch and `write` for create,delete,deletecollection,patch,update;
`verbs url paths` is a rule for non-resource URLs.
"""

from __future__ import annotations

import re

from kubern.base.json import Obj

_VERBS = {"read": "get,list,watch", "write": "create,delete,deletecollection,patch,update"}


def rule(line: str) -> Obj:
    """Return the PolicyRule of one line."""
    verbs, groups, things, *names = line.split()
    found: Obj = {"verbs": [verb for word in verbs.split(",") for verb in _VERBS.get(word, word).split(",")]}
    if groups == "url":
        return found | {"nonResourceURLs": things.split(",")}
    found["apiGroups"] = ["" if group == "core" else group for group in groups.split(",")]
    found["resources"] = things.split(",")
    return found | ({"resourceNames": names[0].split(",")} if names else {})


def rules(text: str) -> list[Obj]:
    """Return the PolicyRules of a block of lines; a line that ends in a comma goes on in the next."""
    return [rule(line) for line in re.sub(r",\s+", ",", text.strip()).splitlines()]
