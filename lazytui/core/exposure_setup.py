"""Setting exposures up: everywhere they shall be, on ports that are free there, or nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.exposure_check import check_port
from lazytui.core.exposure_live import LiveExposure
from lazytui.core.exposure_model import MANAGER, Direction
from lazytui.core.exposure_ports import free_ports
from lazytui.errors import NoPortsLeftError, PortInUseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lazytui.core.exposure_model import ExposureSpec
    from lazytui.core.exposure_news import ExposureNews
    from lazytui.core.exposure_store import ExposureRecord
    from lazytui.core.runtime import Runtime
    from lazytui.ssh.traffic import Spawn

LOOPBACKS = ("localhost", "127.0.0.1", "::1")


class ExposureSetup:
    """Makes exposures that are up out of definitions.

    Args:
        connected: gives the runtime of a host, and sees to it that it gets connected.
        held: the exposures that are up here, by number; as it is at each moment.
        news: hears what becomes of them.
        spawn: runs what they do in the background.
    """

    def __init__(
        self,
        connected: Callable[[str], Runtime],
        held: Mapping[int, LiveExposure],
        news: ExposureNews,
        spawn: Spawn,
    ) -> None:
        self._connected = connected
        self._held = held
        self._news = news
        self._spawn = spawn

    def make(self, spec: ExposureSpec, record: ExposureRecord | None = None) -> LiveExposure:
        """Make one that is not up yet.

        Args:
            spec: the definition.
            record: as the journal has it, if it was up before.
        """
        return LiveExposure(
            spec,
            runtime_of=self._connected,
            spawn=self._spawn,
            sessions=record.sessions if record else {},
            on_state=self._news.state_changed,
            on_traffic=self._news.traffic_flowed,
            on_session=self._news.session_changed,
        )

    async def up(
        self, spec: ExposureSpec, hosts: Sequence[str], record: ExposureRecord | None = None
    ) -> LiveExposure:
        """Set one up on the ports of its definition.

        Args:
            spec: the definition.
            hosts: where it listens; none for the manager.
            record: as the journal has it, if it was up before.

        Raises:
            PortInUseError, ExposureError: somewhere it cannot be; nothing is left of it.
        """
        self._see_own(spec, hosts)
        self._see_loop(spec, hosts)
        live = self.make(spec, record)
        await live.start(hosts)
        return live

    async def up_somewhere(
        self, spec: ExposureSpec, hosts: Sequence[str], choices: Sequence[int]
    ) -> LiveExposure:
        """Set up on the first of some ports that are free; binding is what decides.

        Raises:
            NoPortsLeftError: too few are free everywhere.
            ExposureError: see :meth:`up`.
        """
        for port in choices:
            check_port(port)
        count = len(spec.services)
        runtimes = [self._connected(host) for host in hosts]
        left = await free_ports(dict.fromkeys(choices), runtimes, spec)
        while len(left) >= count:
            ports = tuple(left[:count])
            try:
                return await self.up(spec.with_ports(ports), hosts)
            except PortInUseError as error:
                taken = error.port if error.port in left else left[0]
                left.remove(taken)
        named = ", ".join(map(str, choices[:10])) + (", ..." if len(choices) > 10 else "")
        raise NoPortsLeftError(
            f"too few of the ports {named or '(none given)'} are free everywhere: give more"
        )

    def _see_loop(self, spec: ExposureSpec, hosts: Sequence[str]) -> None:
        """Refuse a port that would lead to itself: two aliases may be one machine.

        Where the service runs its port is taken; where it does not, each client would make
        another one, without end.
        """
        if spec.direction is Direction.SOCKS:
            return
        source = self._machine(spec.source)
        for host in hosts or (MANAGER,):
            same = next((each for each in spec.services if each.port == each.service), None)
            if same is not None and self._machine(host) == source:
                there, whose = host or "this machine", spec.source or "this machine"
                raise PortInUseError(
                    same.port, runtime=host or None, detail=f"{there} is the machine of {whose}"
                )

    def _machine(self, host: str) -> tuple[object, ...]:
        """Give what is equal for two aliases that the ssh config leads to one machine."""
        if host == MANAGER:
            return ("here",)
        options = self._connected(host).options
        way = (options.proxy_jump, options.proxy_command)
        if options.hostname in LOOPBACKS and not any(way):
            return ("here",)
        return (options.hostname, options.port, *way)

    def _see_own(self, spec: ExposureSpec, hosts: Sequence[str]) -> None:
        """Name the exposure of ours that has a port already; sshd would not know."""
        wanted = {(host, service.port) for host in (hosts or ("",)) for service in spec.services}
        for number, live in self._held.items():
            for row in live.rows:
                if (row.host, row.service.port) in wanted:
                    raise PortInUseError(
                        row.service.port, runtime=row.host or None, detail=f"exposure {number}"
                    )
