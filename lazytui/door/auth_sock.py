"""Whose ssh-agent the engine asks: that of the terminal that came last."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lazytui.core.model import HostState

if TYPE_CHECKING:
    from lazytui.core.engine import Engine
    from lazytui.door.peer import Peer

VARIABLE = "SSH_AUTH_SOCK"


class AuthSock:
    """Keeps ``SSH_AUTH_SOCK`` of this process at that of the newest client that has one.

    An engine outlives the login that started it, and with it the forwarded ssh-agent of that login.
    New connections read the variable, as ssh would. When the last client leaves, its ssh-agent
    stays the one to ask, as long as it lasts.

    Args:
        engine: hosts that an ssh-agent was missing for are tried again with a new one.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._peers: list[Peer] = []

    def came(self, peer: Peer) -> None:
        """A client is there."""
        if not peer.hello.environ.get(VARIABLE):
            return
        self._peers.append(peer)
        if self._use_newest():
            waiting = [
                host
                for host, runtime in self._engine.runtimes.items()
                if runtime.state is HostState.INACTIVE and "ssh-agent" in runtime.reason
            ]
            self._engine.manager.refresh(waiting)

    def left(self, peer: Peer) -> None:
        """A client has gone, and its ssh-agent perhaps with it."""
        if peer in self._peers:
            self._peers.remove(peer)
            self._use_newest()

    def _use_newest(self) -> bool:
        """Take the newest client's; True when that is another one."""
        if not self._peers:
            return False
        newest = self._peers[-1].hello.environ[VARIABLE]
        if os.environ.get(VARIABLE) == newest:
            return False
        os.environ[VARIABLE] = newest
        return True
