"""A session: what a script holds while it works: an engine, and who uses which host."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lazytui.core import settings as settings_file
from lazytui.core.engine import Engine
from lazytui.core.paths import Paths
from lazytui.core.script.group import ScriptGroup
from lazytui.core.script.manager import ScriptManager
from lazytui.core.script.runtime import ScriptRuntime
from lazytui.core.script.telling import Tell, tell_output
from lazytui.core.script.together import each
from lazytui.ssh.config import SSHConfig
from lazytui.ssh.credentials import NobodyAsks

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from lazytui.core.script.execution import Execution
    from lazytui.ssh.login import Login

log = logging.getLogger(__name__)


class Session:
    """What a script works with. Use it as an async context manager.

    Leaving it stops the runs that nobody asked to outlive the script, removes temporary
    directories and exposures, and closes all connections.

    Args:
        ssh_config: the ssh config; ``~/.ssh/config`` by default.

    Raises (on entering):
        SettingsError: the ssh config or the state folder cannot be used.
        JournalError: the journal cannot be used.
    """

    engine: Engine

    def __init__(self, ssh_config: str | Path | None = None) -> None:
        self._ssh_config = ssh_config
        self._stack = contextlib.AsyncExitStack()
        self._runtimes: dict[int, ScriptRuntime] = {}
        self._users: Counter[str] = Counter()
        self._logins: dict[str, Login] = {}
        self._tellers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        config = SSHConfig.load(Path(self._ssh_config) if self._ssh_config else None)
        settings, problems = settings_file.load()
        paths = Paths.of_user()
        paths.create()
        self.engine = await self._stack.enter_async_context(
            Engine(
                config,
                settings,
                paths,
                asker=NobodyAsks(),  # a script has nobody to ask
                origin="script",
                config_path=str(self._ssh_config or "~/.ssh/config"),
                problems=problems,
            )
        )
        await self._begin()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    @property
    def runtimes(self) -> list[ScriptRuntime]:
        """The runtimes that are in use."""
        return list(self._runtimes.values())

    async def runtime(
        self,
        host: str,
        working_dir: str | None = None,
        connection_kwargs: Mapping[str, Any] | None = None,
    ) -> ScriptRuntime:
        """Connect to a host; see :class:`~lazytui.core.script.runtime.ScriptRuntime`.

        Args:
            host: an alias of the ssh config, or any name that ssh would take.
            working_dir: on the host; a temporary one by default.
            connection_kwargs: how to log in; see :class:`lazytui.ssh.login.Login`.

        Raises:
            InvalidRuntimeError: the host cannot be used.
            PathCreationError: the working directory cannot be made.
            ValueError: the host's name is empty, or a keyword is not known.
        """
        made = ScriptRuntime(self, host, working_dir, connection_kwargs)
        await made.open()
        return made

    async def group(
        self,
        runtimes: Iterable[ScriptRuntime] | None = None,
        hosts: Iterable[str] | None = None,
        working_dir: str | None = None,
    ) -> ScriptGroup:
        """Make a group of runtimes, or of hosts that are all connected at once.

        Raises:
            ValueError: both or neither are given, or one host is there twice.
            InvalidRuntimeError: a host cannot be used.
            PathCreationError: the working directory cannot be made on a host.
        """
        return await ScriptGroup.make(self, runtimes, hosts, working_dir)

    async def manager(self) -> ScriptManager:
        """Detect all hosts of the ssh config, all at once.

        Raises:
            NoRuntimesDetectedError: none of them can be used; the message says why.
        """
        manager = ScriptManager(self)
        await manager.detect()
        return manager

    def follow(self, execution: Execution, tell: Tell | None) -> None:
        """Tell the output of an execution as it arrives, or log it after each step.

        Args:
            execution: just begun.
            tell: called with the host and whole lines, from another thread; without it, the
                log ``lazytui`` gets them with the level debug.
        """
        if tell is not None or log.isEnabledFor(logging.DEBUG):
            name = f"output of run {execution.record.run_id}"
            teller = self._group.create_task(tell_output(execution, tell), name=name)
            execution.teller = teller
            self._tellers.add(teller)
            teller.add_done_callback(self._tellers.discard)

    def at_end(self, do: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Call something before the session ends, the last one first; it may be done already."""
        self._stack.push_async_callback(do)

    async def _begin(self) -> None:
        self._group = asyncio.TaskGroup()
        await self._stack.enter_async_context(self._group)
        self._stack.push_async_callback(self._end)

    async def _end(self) -> None:
        await self.cleanup()
        for teller in self._tellers:  # those of runs that outlive us
            teller.cancel()

    async def cleanup(self) -> None:
        """Clean up all runtimes of this session; see :meth:`ScriptRuntime.cleanup`."""
        await each(self.runtimes, ScriptRuntime.cleanup)

    # -- who uses which host

    def enter(self, runtime: ScriptRuntime) -> None:
        """Note that a runtime is in use; its way to log in holds for all that share its host.

        Raises:
            ValueError: the host is in use with another way to log in.
        """
        if id(runtime) in self._runtimes:
            return
        known = self._logins.get(runtime.host)
        if self._users[runtime.host] and known != runtime.login:
            raise ValueError(
                f"{runtime.host} is in use with other connection_kwargs; "
                "call cleanup() of that Runtime first, or give the host a second alias"
            )
        if runtime.login is not None:
            self._logins[runtime.host] = runtime.login
        else:
            self._logins.pop(runtime.host, None)
        self.engine.manager.log_in(runtime.host, runtime.login)
        self._users[runtime.host] += 1
        self._runtimes[id(runtime)] = runtime

    async def leave(self, runtime: ScriptRuntime, *, keep_connection: bool) -> None:
        """Note that a runtime is done; the last one of a host closes the connection."""
        if self._runtimes.pop(id(runtime), None) is None:
            return
        self._users[runtime.host] -= 1
        if not self._users[runtime.host] and not keep_connection:
            await self.engine.manager.disconnect(runtime.host)


class GuestSession(Session):
    """A session on an engine that others use, too: connections and logins stay as they are.

    Args:
        engine: the running one; its origin is that of the runs.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    def enter(self, runtime: ScriptRuntime) -> None:
        """Note that a runtime is in use."""
        self._runtimes[id(runtime)] = runtime

    async def leave(self, runtime: ScriptRuntime, *, keep_connection: bool) -> None:
        """Note that a runtime is done; the connection is for others."""
        self._runtimes.pop(id(runtime), None)
