"""A connector that is made when somebody first connects.

Importing asyncssh takes longer than everything else before the first paint of the screen; so that
waits until the rows are to be seen, and then happens beside the loop.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lazytui.ssh.config import SSHConfig
    from lazytui.ssh.connection import Connection
    from lazytui.ssh.connector import Connector, ConnectSettings
    from lazytui.ssh.credentials import Asker
    from lazytui.ssh.login import Login


class LateConnector:
    """What :class:`~lazytui.ssh.connector.Connector` is, from the first connection on.

    Args:
        config: the ssh config.
        settings: timeouts and limits.
        asker: who is asked about unknown host keys.
        home: the user's home, for default keys.
    """

    def __init__(
        self, config: SSHConfig, settings: ConnectSettings, asker: Asker, *, home: Path
    ) -> None:
        self.config = config
        self._settings = settings
        self._asker = asker
        self._home = home
        self._lock = asyncio.Lock()
        self._connector: Connector | None = None
        self._logins: dict[str, Login] = {}

    def use(self, config: SSHConfig) -> None:
        """Take another ssh config for all connections from now on."""
        self.config = config
        if self._connector is not None:
            self._connector.config = config

    def log_in(self, host: str, login: Login | None) -> None:
        """Say how to log in to a host from the next connection on; None: as the config says."""
        if login is None:
            self._logins.pop(host, None)
        else:
            self._logins[host] = login

    async def connect(self, host: str, *, log: Callable[[str], None] | None = None) -> Connection:
        """Connect to a host and log in; see :meth:`~lazytui.ssh.connector.Connector.connect`."""
        connector = self._connector or await self._make()
        return await connector.connect(host, log=log)

    def news(self) -> tuple[str, ...]:
        """Give the problems with known_hosts that were not given before."""
        return self._connector.judge.news() if self._connector else ()

    async def close(self) -> None:
        """Close the shared bastion connections."""
        if self._connector is not None:
            await self._connector.close()

    async def _make(self) -> Connector:
        async with self._lock:
            if self._connector is None:
                kind = await asyncio.to_thread(_connector_class)
                self._connector = kind(self.config, self._settings, self._asker, home=self._home)
                self._connector.logins = self._logins
            return self._connector


def _connector_class() -> type[Connector]:
    from lazytui.ssh.connector import Connector

    return Connector
