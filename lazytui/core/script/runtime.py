"""A runtime as a script uses it: a host, a working directory, variables, and what ran there."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, ClassVar

from lazytui.core.manager import filter_text
from lazytui.core.model import HostState
from lazytui.core.script import asking, folders
from lazytui.core.script.ports import expose_from, expose_to
from lazytui.core.script.task import ScriptTask
from lazytui.core.script.together import each
from lazytui.core.script.tracking import Executions, finish, start
from lazytui.core.step import WORKING_DIR
from lazytui.core.where import parse_where
from lazytui.errors import ConnectError, InvalidRuntimeError, NoPortsLeftError
from lazytui.ssh.login import Login

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lazytui.core.model import RuntimeInfo
    from lazytui.core.runtime import Runtime
    from lazytui.core.script.ports import ScriptExposure
    from lazytui.core.script.session import Session
    from lazytui.core.script.telling import Tell


class ScriptRuntime:
    """One host, as one script uses it. Make one with :meth:`Session.runtime`.

    Args:
        session: what the script holds.
        host: an alias of the ssh config, or any name that ssh would take.
        working_dir: on the host, made if need be and kept. By default a temporary one is made at
            first use and removed by :meth:`cleanup`.
        connection_kwargs: how to log in; see :class:`lazytui.ssh.login.Login`.

    Raises:
        ValueError: the host's name is empty, or a keyword is not known.
    """

    WORKING_DIR_ENV_VAR_NAME: ClassVar[str] = WORKING_DIR

    def __init__(
        self,
        session: Session,
        host: str,
        working_dir: str | os.PathLike[str] | None = None,
        connection_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if not host or not host.strip():
            raise ValueError("a runtime needs a host")
        self.session = session
        self.host = host
        self.login = Login.of(connection_kwargs) if connection_kwargs else None
        self.env_variables: dict[str, str] = {}
        self.executions = Executions()
        self.exposures: list[ScriptExposure] = []
        self._wanted_dir = None if working_dir is None else os.fspath(working_dir)
        self._working_dir: str | None = None
        self._temporary: list[str] = []  # folders that end with us

    def moved_to(self, session: Session) -> ScriptRuntime:
        """Give this runtime for another session: of a forked process, or after a close.

        A temporary working directory stays with the session that made it.
        """
        moved = ScriptRuntime(session, self.host, self._wanted_dir)
        moved.login = self.login
        moved.env_variables = dict(self.env_variables)
        return moved

    # -- the host

    async def open(self) -> None:
        """Connect, and make the working directory that was asked for.

        Raises:
            InvalidRuntimeError: the host cannot be used; it says why.
            PathCreationError: the working directory cannot be made.
        """
        try:
            self.session.enter(self)
        except ValueError as error:
            raise InvalidRuntimeError(self.host, str(error)) from error
        try:
            await self.connected()
            if self._wanted_dir is not None:
                await self.working_dir()
        except BaseException:
            await self.session.leave(self, keep_connection=False)
            raise

    async def connected(self) -> Runtime:
        """Give the host as the engine has it, once it can be used.

        Raises:
            InvalidRuntimeError: it cannot be used; it says why. Its cause is the error of the
                connection, such as :class:`HostKeyError`.
        """
        self.session.enter(self)
        runtime = self.session.engine.connected(self.host)
        if runtime.state is HostState.INACTIVE:
            runtime.refresh()
        while True:
            await runtime.wait_settled()
            if runtime.state is HostState.INACTIVE:
                raise InvalidRuntimeError(self.host, runtime.reason) from runtime.error
            if runtime.agent is not None:
                return runtime
            with contextlib.suppress(ConnectError):  # it comes back, or is inactive then
                await runtime.reach()

    async def is_valid_runtime(self) -> bool:
        """Whether it can be used now."""
        try:
            await self.connected()
        except InvalidRuntimeError:
            return False
        return True

    async def info(self) -> RuntimeInfo:
        """Say what the host is; read once, when it is connected.

        Raises:
            InvalidRuntimeError: it cannot be used.
        """
        known = self.session.engine.runtime(self.host).info
        if known is None:
            known = (await self.connected()).info
        assert known is not None
        return known

    async def check_filter(
        self,
        gpu_required: bool = False,
        min_memory: int | None = None,
        min_cpu_cores: int | None = None,
        installed_executables: str | Sequence[str] | None = None,
        filter_commands: str | Sequence[str] | None = None,
    ) -> bool:
        """Whether the host fulfils all that is asked for; it is asked in one round trip.

        Args:
            gpu_required: at least one GPU.
            min_memory: memory in MB (2**20 bytes).
            min_cpu_cores: number of cores.
            installed_executables: programs that must all be on the PATH.
            filter_commands: commands that must all print ``true``, in any case, as their last
                line.

        Raises:
            InvalidRuntimeError: it cannot be used.
            ValueError: a filter is empty.
        """
        text = filter_text(
            gpu_required=gpu_required,
            min_memory=min_memory,
            min_cpu_cores=min_cpu_cores,
            installed_executables=asking.several(installed_executables),
            filter_commands=asking.several(filter_commands),
        )
        where = parse_where(text, bare_words="exact")
        runtime = await self.connected()
        runtime.answers.expire()  # a script may have changed just what it asks for
        await runtime.probe(where.probes)
        return self.host in where.select([runtime])

    # -- ports

    async def has_free_port(self, port: int) -> bool:
        """Whether nobody on the host listens on a port.

        Raises:
            ValueError: it is no port.
            InvalidRuntimeError: the host cannot be asked.
        """
        return bool(await self.free_ports([asking.check_port(port)]))

    async def get_free_port(self, ports: Sequence[int]) -> int:
        """Give the first of some ports that is free.

        Raises:
            NoPortsLeftError: none is free, or there are none.
            ValueError: one is no port.
            InvalidRuntimeError: the host cannot be asked.
        """
        wanted = asking.check_ports(ports)
        free = await self.free_ports(wanted) if wanted else []
        if not free:
            raise NoPortsLeftError(
                f"none of the {len(wanted)} given ports is free on {self.host}; give more ports"
            )
        return free[0]

    async def free_ports(self, ports: Sequence[int]) -> list[int]:
        """Give those of some ports that are free, in one round trip."""
        return await asking.free_ports(await self.connected(), ports)

    async def expose_port_to_runtime(
        self, local_port: int, runtime_port: int | list[int] | None = None
    ) -> ScriptExposure:
        """Make a port of the manager reachable here; see :func:`ports.expose_to`."""
        return await expose_to(self.session, [self], local_port, runtime_port)

    async def expose_port_from_runtime(
        self, runtime_port: int, local_port: int | list[int] | None = None
    ) -> ScriptExposure:
        """Make a port of the host reachable on the manager; see :func:`ports.expose_from`."""
        return await expose_from(self.session, self, runtime_port, local_port)

    # -- folders

    @property
    def temporary_dirs(self) -> list[str]:
        """The directories that end with it."""
        return list(self._temporary)

    async def working_dir(self) -> str:
        """Give the absolute path of the working directory; it is made when it is asked for first.

        Raises:
            PathCreationError: it cannot be made.
            InvalidRuntimeError: the host cannot be used.
        """
        if self._working_dir is None:
            if self._wanted_dir is None:
                self._working_dir = await self.create_tempdir()
            else:
                self._working_dir = await self.create_dir(self._wanted_dir)
        return self._working_dir

    async def set_working_dir(self, path: str | os.PathLike[str]) -> None:
        """Make a directory and work there from now on.

        Raises:
            ValueError: the path is empty.
            PathCreationError: it cannot be made.
            InvalidRuntimeError: the host cannot be used.
        """
        wanted = os.fspath(path)
        self._working_dir = await self.create_dir(wanted)
        self._wanted_dir = wanted

    async def create_tempdir(self) -> str:
        """Make a temporary directory, removed by :meth:`cleanup`; gives its absolute path.

        Raises:
            PathCreationError: it cannot be made.
            InvalidRuntimeError: the host cannot be used.
        """
        made = await folders.make_temporary(await self.connected())
        self._temporary.append(made)
        return made

    async def create_dir(self, path: str) -> str:
        """Make a directory and those above it; gives its absolute path.

        Raises:
            ValueError: the path is empty.
            PathCreationError: it cannot be made.
            InvalidRuntimeError: the host cannot be used.
        """
        if not path.strip():
            raise ValueError("a directory needs a path")
        return await folders.make(await self.connected(), self._below(path))

    async def delete_dir(self, path: str) -> bool:
        """Delete a directory with all that is in it; False when there is none, or it stays.

        Raises:
            ValueError: the path is empty.
            InvalidRuntimeError: the host cannot be used.
        """
        if not path.strip():
            raise ValueError("which directory shall be deleted?")
        return await folders.delete(await self.connected(), self._below(path))

    def _below(self, path: str) -> str:
        """Give a path of the script: a relative one is below the working directory, if any yet."""
        if path.startswith(("/", "~")) or self._working_dir is None:
            return path
        return f"{self._working_dir}/{path}"

    # -- tasks

    async def execute_task(
        self,
        task: ScriptTask,
        *,
        omit_on_join: bool = False,
        wait: bool = False,
        tell: Tell | None = None,
    ) -> None:
        """Start a task; :meth:`ScriptTask.join` waits for it.

        Args:
            task: its steps run one after the other, in the working directory.
            omit_on_join: joining does not wait for it, and a clean-up leaves it running.
            wait: wait until it is over; cancelling that interrupts it.
            tell: called with the host and whole lines of output, from another thread.

        Raises:
            InvalidRuntimeError: the host cannot be used.
            TaskExecutionError: a step failed, and it was waited for.
            ValueError: the task has no step.
            PathCreationError: the working directory cannot be made.
        """
        begun = await start(self.session, [(self, task)], omit_on_join=omit_on_join, tell=tell)
        if wait:
            await finish(begun)

    async def send_file(
        self,
        local_path: str | os.PathLike[str],
        remote_path: str | os.PathLike[str] | None = None,
        *,
        wait: bool = True,
    ) -> ScriptTask:
        """Send a file or a folder; see :meth:`ScriptTask.send_file` and :meth:`execute_task`."""
        task = ScriptTask().send_file(local_path, remote_path)
        await self.execute_task(task, wait=wait)
        return task

    async def get_file(
        self,
        remote_path: str | os.PathLike[str],
        local_path: str | os.PathLike[str] | None = None,
        *,
        wait: bool = True,
    ) -> ScriptTask:
        """Get a file or a folder; see :meth:`ScriptTask.get_file` and :meth:`execute_task`."""
        task = ScriptTask().get_file(remote_path, local_path)
        await self.execute_task(task, wait=wait)
        return task

    async def execute_function(
        self, function: Callable[..., Any], *, wait: bool = True, **func_kwargs: Any
    ) -> ScriptTask:
        """Call a function; see :meth:`ScriptTask.run_function` and :meth:`execute_task`."""
        task = ScriptTask().run_function(function, **func_kwargs)
        await self.execute_task(task, wait=wait)
        return task

    async def echo(self, msg: str) -> str:
        """Give what ``echo msg`` prints in the host's shell: variables in it are filled in.

        Raises:
            InvalidRuntimeError: the host cannot be used.
            TaskExecutionError: the shell does not understand it.
        """
        task = ScriptTask("echo")
        task.run_command(f"echo {msg}")
        try:
            await self.execute_task(task, wait=True)
            (said,) = await task.execution_log()
        finally:
            self.executions.drop(task)
        return said

    async def join(self) -> None:
        """Wait until all that was started here is over.

        Raises:
            TaskExecutionError: something failed, and nobody was told so before.
        """
        await self.executions.join()

    def clear_tasks(self) -> None:
        """Forget what ran here; what still runs goes on."""
        self.executions.clear()

    async def cleanup(self) -> None:
        """End what runs here, remove temporary directories, and close the connection.

        What was asked to outlive the script goes on, and keeps its working directory. The
        runtime may be used again.
        """
        outliving = [run for run in self.executions.alive() if run.omit_on_join]
        ending = [run for run in self.executions.alive() if not run.omit_on_join]
        await each(ending, lambda run: run.stop())
        exposures, self.exposures = self.exposures, []
        await each(exposures, lambda exposure: exposure.leave(self.host))
        kept = {run.working_dir for run in outliving}
        if removed := [path for path in self._temporary if path not in kept]:
            runtime = self.session.engine.runtime(self.host)
            if runtime.agent is not None:  # a host that is gone keeps them, and nobody waits
                with contextlib.suppress(InvalidRuntimeError):
                    await each(removed, lambda path: folders.delete(runtime, path))
        self._temporary.clear()
        self._working_dir = None
        self.executions.clear()
        await self.session.leave(self, keep_connection=bool(outliving))
