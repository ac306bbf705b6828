"""Static tokens from a CSV file (`--token-auth-file`): token, user name, uid and, quoted, the groups with commas between.

Read once at start; upstream needs a restart for a changed file, too.
"""

from __future__ import annotations

import csv
import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from kubern.apiserver.authn.bearer import Known
from kubern.apiserver.identity import User

log = logging.getLogger(__name__)


class TokenFile:
    """A `bearer.Checker`. Tokens are found by their hash, so that the time of a look-up tells nothing of them."""

    def __init__(self, users: Mapping[str, User]) -> None:
        self._users = {_digest(token): user for token, user in users.items()}

    @classmethod
    def read(cls, path: Path) -> TokenFile:
        """Read the file. Raises `ValueError` for a line of fewer than three columns, `OSError` when it cannot be read."""
        users: dict[str, User] = {}
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file, skipinitialspace=True):
                if not row:
                    continue
                if len(row) < 3:
                    raise ValueError(
                        f"token file '{path}' must have at least 3 columns (token, user name, user uid), found {len(row)}"
                    )
                token, name, uid = (column.strip() for column in row[:3])
                if not token:
                    log.warning("empty token in the token file", extra={"path": str(path)})
                    continue
                groups = tuple(group.strip() for group in row[3].split(",") if group.strip()) if len(row) > 3 else ()
                users[token] = User(name, groups, uid)
        return cls(users)

    def __call__(self, token: str, audiences: Sequence[str]) -> Known | None:
        """Return the token's user; static tokens are for every audience."""
        user = self._users.get(_digest(token))
        return Known(user, tuple(audiences)) if user else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
