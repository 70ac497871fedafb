"""Handles of what a script has started on hosts."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from lazytui.blocking.calls import call

if TYPE_CHECKING:
    from lazytui.core.script.execution import Execution
    from lazytui.core.script.ports import ScriptExposure
    from lazytui.core.script.session import Session


class TaskProcess:
    """The execution of a task on a runtime, as a process that can be waited for and ended."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    @property
    def name(self) -> str:
        """The name of the task."""
        return self._execution.task.name

    @property
    def host(self) -> str:
        """Where it runs."""
        return self._execution.host

    @property
    def pid(self) -> int | None:
        """The process on the host that the present step is; None while there is none."""
        return self._execution.pid

    def is_alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._execution.is_alive

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended.

        Args:
            timeout: seconds to wait at most; then :meth:`is_alive` is still true.

        Raises:
            RuntimeError: another process has started it, from which this one was forked.
        """

        async def wait(session: Session) -> None:
            self._execution.move(session.engine)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._execution.wait()

        call(wait)

    def terminate(self) -> None:
        """End it, and wait for that: a hard signal follows after some seconds."""

        async def stop(session: Session) -> None:
            self._execution.move(session.engine)
            await self._execution.stop()

        call(stop)

    def __repr__(self) -> str:
        """Say what it is."""
        how = "alive" if self.is_alive() else str(self._execution.record.state)
        return f"<{type(self).__name__} {self.name!r} on {self.host}, {how}>"


class PortProcess:
    """A port that was made reachable elsewhere, as a process that can be ended."""

    def __init__(self, exposure: ScriptExposure) -> None:
        self._exposure = exposure

    @property
    def name(self) -> str:
        """Which port it is, and where it became reachable."""
        return self._exposure.key

    @property
    def pid(self) -> int:
        """The process that carries it: this one."""
        return os.getpid()

    def is_alive(self) -> bool:
        """Whether it is up, or comes back by itself."""
        return self._exposure.is_alive

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended.

        Args:
            timeout: seconds to wait at most; then :meth:`is_alive` is still true.

        Raises:
            RuntimeError: another process has started it, from which this one was forked.
        """

        async def wait(session: Session) -> None:
            self._exposure.check(session)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._exposure.wait()

        call(wait)

    def terminate(self) -> None:
        """End it."""

        async def remove(session: Session) -> None:
            self._exposure.check(session)
            await self._exposure.remove()

        call(remove)

    def __repr__(self) -> str:
        """Say what it is."""
        how = "alive" if self.is_alive() else "ended"
        return f"<{type(self).__name__} {self.name!r}, {how}>"


Process = TaskProcess | PortProcess
