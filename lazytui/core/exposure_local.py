"""The manager's end of an exposure: ports that stay taken while hosts come and go."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING

from lazytui.core.exposure_link import AGAIN_FIRST_S, AGAIN_MAX_S
from lazytui.core.exposure_model import ExposureState
from lazytui.core.exposure_row import ON, Condition
from lazytui.core.host_ports import who_on_manager
from lazytui.errors import ExposureError, PortInUseError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lazytui.core.exposure_row import Row
    from lazytui.ssh.forward import Stream
    from lazytui.ssh.listen import LocalListener
    from lazytui.ssh.traffic import Spawn


class LocalEnd:
    """Listens on the manager for an exposure.

    Args:
        rows: its listeners.
        bind: the address to listen on.
        connect: gives a client its service; raises TargetRefusedError.
        spawn: runs what each client needs.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        bind: str,
        connect: Callable[[Row, Stream], Awaitable[None]],
        spawn: Spawn,
    ) -> None:
        self.rows = rows
        self._bind = bind
        self._connect = connect
        self._spawn = spawn
        self._listeners: list[LocalListener] = []

    async def open(self) -> None:
        """Listen on all ports, or on none.

        Raises:
            PortInUseError, ExposureError: one of them cannot be had.
        """
        # With asyncssh, which takes long to import the first time.
        make = await asyncio.to_thread(_listener_class)
        try:
            for row in self.rows:
                listener = make(row.traffic, self._connector(row), row.outcomes, self._spawn)
                await listener.open(self._bind, row.service.port)
                self._listeners.append(listener)
                row.address = listener.address
        except PortInUseError as error:
            await self.close()
            who = await who_on_manager(error.port)
            detail = f"on the manager, by {who}" if who else "on the manager"
            raise PortInUseError(error.port, detail=detail) from error
        except BaseException:
            await self.close()
            raise
        self._tell(ON)

    async def keep(self) -> None:
        """Listen as soon as all ports can be had; returns then."""
        attempts = 0
        while True:
            try:
                await self.open()
            except (PortInUseError, ExposureError) as error:
                attempts += 1
                reason = error.reason if isinstance(error, ExposureError) else str(error)
                if isinstance(error, ExposureError) and not error.retry:
                    self._tell(Condition(ExposureState.FAILED, reason, attempts))
                    return
                ceiling = min(AGAIN_MAX_S, AGAIN_FIRST_S * 2 ** min(attempts, 20))
                wait_s = random.uniform(ceiling / 2, ceiling)  # noqa: S311
                again_at = time.monotonic() + wait_s
                self._tell(Condition(ExposureState.RETRYING, reason, attempts, again_at))
                await asyncio.sleep(wait_s)
            else:
                return

    @property
    def inodes(self) -> set[int]:
        """What tells its sockets from others of this machine."""
        return {inode for listener in self._listeners for inode in listener.inodes}

    async def close(self) -> None:
        """Give the ports free and reset the streams."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await listener.close()
        for row in self.rows:
            row.address = ""

    def _connector(self, row: Row) -> Callable[[Stream], Awaitable[None]]:
        async def connect(stream: Stream) -> None:
            await self._connect(row, stream)

        return connect

    def _tell(self, condition: Condition) -> None:
        for row in self.rows:
            row.listener(condition)


def _listener_class() -> type[LocalListener]:
    from lazytui.ssh.listen import LocalListener

    return LocalListener
