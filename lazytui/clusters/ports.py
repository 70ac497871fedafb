"""The ports of a cluster: free everywhere, and not chosen by another cluster at the same moment."""

from __future__ import annotations

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
    started again, the ports look free to others who work with the same engine.
    """

    def __init__(self) -> None:
        self._claimed: dict[int, set[int]] = {}

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
        left = [port for port in left if port not in taken]  # by somebody, in the meantime
        if len(left) < count:
            hosts = ", ".join(member.host for member in runtimes)
            raise NoPortsLeftError(
                f"{count} ports are needed that are free on this machine and on {hosts}, "
                f"but only {len(left)} of {len(ports)} are; give more ports"
            )
        chosen = left[:count]
        taken.update(chosen)
        for port in chosen:
            self._claimed[port] = taken
        return chosen

    def release(self, ports: Iterable[int] | None = None) -> None:
        """Let others have ports, by default all of them."""
        for port in list(self._claimed) if ports is None else ports:
            claims = self._claimed.pop(port, None)
            if claims is not None:
                claims.discard(port)
