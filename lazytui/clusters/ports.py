"""The ports of a cluster: free everywhere, and not chosen by another cluster at the same moment."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from lazytui.core.script import asking
from lazytui.core.script.together import each
from lazytui.errors import NoPortsLeftError, PortInUseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.script.runtime import ScriptRuntime
    from lazytui.core.script.session import Session


class PortClaims:
    """The ports that one part of a cluster has chosen.

    Between the choice and the moment in which something listens there, and while a worker is
    started again, the ports look free to others: to those who work with the same engine, and on
    Linux to all lazytuis on this machine, a claim says otherwise.
    """

    def __init__(self) -> None:
        self._claimed: dict[int, tuple[set[int], socket.socket | None]] = {}

    @property
    def ports(self) -> list[int]:
        """Those that are claimed."""
        return list(self._claimed)

    async def take(
        self, session: Session, runtimes: Sequence[ScriptRuntime], ports: Sequence[int], count: int
    ) -> list[int]:
        """Claim the first of some ports that are free on the manager and on all runtimes.

        Args:
            session: what the script holds.
            runtimes: where they must be free.
            ports: to choose from.
            count: how many are needed.

        Raises:
            PortInUseError: there is only one to choose from, and it is not free.
            NoPortsLeftError: too few are free.
            InvalidRuntimeError: a host cannot be asked.
        """
        taken = session.engine.port_claims
        here = asking.free_here(asking.check_ports(ports))
        left = [port for port in here if port not in taken]
        for free in await each(runtimes, lambda member: member.free_ports(here)):
            left = [port for port in left if port in free]
        chosen: list[int] = []
        for port in left:
            if len(chosen) < count and self._claim(port, taken):
                chosen.append(port)
        if not chosen and len(ports) == 1:
            raise PortInUseError(ports[0], detail="on this machine or a host of the cluster")
        if len(chosen) < count:
            self.release(chosen)
            hosts = ", ".join(member.host for member in runtimes)
            raise NoPortsLeftError(
                f"{count} ports are needed that are free on this machine and on {hosts}, "
                f"but only {len(chosen)} of {len(ports)} are; give more ports"
            )
        return chosen

    def _claim(self, port: int, taken: set[int]) -> bool:
        if port in taken:
            return False
        sign = None
        if sys.platform == "linux":
            # A name that no file has and that ends with its process, as locks should.
            sign = socket.socket(socket.AF_UNIX)
            try:
                sign.bind(f"\0lazytui-port-{port}")
            except OSError:
                sign.close()
                return False
        taken.add(port)
        self._claimed[port] = (taken, sign)
        return True

    def release(self, ports: Iterable[int] | None = None) -> None:
        """Let others have ports, by default all of them."""
        for port in list(self._claimed) if ports is None else ports:
            taken, sign = self._claimed.pop(port, (set(), None))
            taken.discard(port)
            if sign is not None:
                sign.close()
