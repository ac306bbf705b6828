"""Tracks the use of legacy service-account tokens: their Secrets are labelled with the date, a ConfigMap says since when.

Run by `ApiServer`. The token cleaner of the controller manager reads both. What always holds: authentication never waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from kubern.api.legacy_token import DATE, LAST_USED, TRACKING
from kubern.apiserver.bootstrap import ensure
from kubern.apiserver.core import Core
from kubern.base.errors import StatusError
from kubern.base.json import Obj

NAMESPACE = "kube-system"
LOOK_EVERY = 30 * 60.0
"""Seconds between two looks at the ConfigMap: servers of which some track and some do not shall not fight over it."""
_ROOM = 1000
_log = logging.getLogger(__name__)


class LegacyTokenUse:
    """Call `used` for each use; `run` writes it down."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._uses: asyncio.Queue[tuple[str, str]] = asyncio.Queue(_ROOM)

    def used(self, secret: Obj) -> None:
        """Note the use of a Secret's token, unless its label says so already."""
        metadata = secret["metadata"]
        if (metadata.get("labels") or {}).get(LAST_USED) == self._today() or self._uses.full():
            return
        self._uses.put_nowait((metadata["namespace"], metadata["name"]))

    async def start(self) -> None:
        """Create the ConfigMap, or mend its date. A webhook that refuses it keeps nobody from being served."""
        try:
            await self._keep()
        except StatusError as error:
            _log.warning("config map %s/%s: %s", NAMESPACE, TRACKING, error)

    async def _keep(self) -> None:
        today = self._today()
        made = {"metadata": {"name": TRACKING, "namespace": NAMESPACE}, "data": {"since": today}}
        if await ensure(self._core, "", "v1", "configmaps", made):
            return

        async def mend(old: Obj) -> Obj:
            data = old.get("data") or {}
            return old if is_date(data.get("since")) else old | {"data": data | {"since": today}}

        await self._core.storage_of("configmaps").update(NAMESPACE, TRACKING, mend)

    async def run(self) -> None:
        """Write uses down until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_config_map(), name="tracking of legacy tokens")
            while True:
                namespace, name = await self._uses.get()
                try:
                    await self._core.storage_of("secrets").update(namespace, name, self._labelled)
                except StatusError as error:
                    _log.info("legacy token %s/%s: its use is not noted: %s", namespace, name, error)

    async def _keep_config_map(self) -> None:
        while True:
            await self._core.clock.sleep(LOOK_EVERY)
            await self.start()

    async def _labelled(self, secret: Obj) -> Obj:
        metadata = secret["metadata"]
        labels = (metadata.get("labels") or {}) | {LAST_USED: self._today()}
        return secret | {"metadata": metadata | {"labels": labels}}

    def _today(self) -> str:
        return self._core.clock.now().strftime(DATE)


def is_date(text: str | None) -> bool:
    """Whether a label or value holds a date as it is written here."""
    try:
        datetime.strptime(text or "", DATE)
    except ValueError:
        return False
    return True
