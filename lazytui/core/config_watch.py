"""Follows the ssh config: hosts come, go and move while the engine runs.

A file that ssh would refuse changes nothing: the hosts stay as they were until it is put right.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lazytui.core.events import Notice
from lazytui.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lazytui.core.events import EventBus
    from lazytui.ssh.config import SSHConfig

LOOK_EVERY_S = 1.0
# Editors empty a file before they fill it: it is read when nobody has touched it for so long.
SETTLE_S = 0.3


class ConfigWatch:
    """Looks whether the files of the ssh config have changed, and has the new ones used.

    Args:
        config: as it is used now.
        use: takes another one up.
        tell: hears what is wrong with the files; empty when nothing is any more.
        events: where a mistake is told once.
    """

    def __init__(
        self,
        config: SSHConfig,
        use: Callable[[SSHConfig], Awaitable[None]],
        tell: Callable[[tuple[object, ...]], None],
        events: EventBus,
    ) -> None:
        self._seen = self._used = config
        self._use = use
        self._tell = tell
        self._events = events
        self._told = ""

    async def keep_watching(self) -> None:
        """Look again and again; runs until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Look once; returns when what has changed is taken up."""
        if not await asyncio.to_thread(self._seen.changed):
            return
        try:
            found = await self._settled()
        except SettingsError as error:
            self._refuse((error,))
            return
        self._seen = found
        known = {(problem.path, problem.text) for problem in self._used.problems}
        broken = [p for p in found.problems if (p.path, p.text) not in known]
        if broken:
            self._refuse(tuple(broken))
            return
        self._told, self._used = "", found
        self._tell(found.problems)
        await self._use(found)

    async def _settled(self) -> SSHConfig:
        """Read the files when nobody writes them any more."""
        while True:
            found = await asyncio.to_thread(self._seen.again)
            await asyncio.sleep(SETTLE_S)
            if not await asyncio.to_thread(found.changed):
                return found

    def _refuse(self, problems: tuple[object, ...]) -> None:
        self._tell(problems)
        text = f"{problems[0]}; the hosts stay as they were"
        if text != self._told:
            self._told = text
            self._events.publish(Notice(text))
