"""The manager as a script uses it: detects runtimes, and makes groups of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.model import HostState
from lazytui.core.script.group import ScriptGroup
from lazytui.core.script.runtime import ScriptRuntime
from lazytui.core.script.together import each
from lazytui.errors import NoRuntimesDetectedError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.script.session import Session

SHOWN = 5  # reasons in an error


class ScriptManager:
    """The hosts of an ssh config. Make one with :meth:`Session.manager`.

    Args:
        session: what the script holds.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.runtimes: dict[str, ScriptRuntime] = {}
        self._groups: list[ScriptGroup] = []

    @property
    def inactive(self) -> dict[str, str]:
        """The hosts that cannot be used now, with the reasons."""
        known = self.session.engine.manager.inactive
        return {runtime.host: sanitize(runtime.reason) for runtime in known}

    async def detect(self) -> None:
        """Connect to all hosts of the ssh config, all at once.

        Raises:
            NoRuntimesDetectedError: none of them can be used; the message says why.
        """
        engine = self.session.engine
        await engine.refresh([runtime.host for runtime in engine.manager.inactive])
        found = await engine.detect()
        active = [runtime.host for runtime in found if runtime.state is HostState.ACTIVE]
        for host in active:
            if host not in self.runtimes:
                self.runtimes[host] = ScriptRuntime(self.session, host)
                self.session.enter(self.runtimes[host])
        self.runtimes = {host: self.runtimes[host] for host in active}
        if active:
            return
        if not found:
            raise NoRuntimesDetectedError(
                f"there is no host in {engine.config_path}: add one, for example with "
                "`lazytui add-runtime NAME USER@HOST`"
            )
        reasons = [f"{host}: {reason}" for host, reason in self.inactive.items()]
        more = [f"and {len(reasons) - SHOWN} more"] if len(reasons) > SHOWN else []
        raise NoRuntimesDetectedError(
            f"no host of {engine.config_path} can be used: {'; '.join(reasons[:SHOWN] + more)}"
        )

    async def create_group(
        self,
        include_hosts: str | Sequence[str] | None = None,
        exclude_hosts: str | Sequence[str] | None = None,
        gpu_required: bool = False,
        min_memory: int | None = None,
        min_cpu_cores: int | None = None,
        installed_executables: str | Sequence[str] | None = None,
        filter_commands: str | Sequence[str] | None = None,
        working_dir: str | None = None,
    ) -> ScriptGroup:
        """Make a group of the runtimes, or of those that fulfil all that is asked for.

        Each host is asked in one round trip, all at once. See :meth:`ScriptRuntime.check_filter`.

        Args:
            include_hosts: only these.
            exclude_hosts: all but these.
            gpu_required: at least one GPU.
            min_memory: memory in MB (2**20 bytes).
            min_cpu_cores: number of cores.
            installed_executables: programs that must all be on the PATH.
            filter_commands: commands that must all print ``true`` as their last line.
            working_dir: of the members; temporary ones by default.

        Raises:
            ValueError: included and excluded hosts are given both, one of them is no host, or a
                filter is empty.
            NoRuntimesDetectedError: no runtime fulfils all of it.
            PathCreationError: the working directory cannot be made on a host.
        """
        manager = self.session.engine.manager
        for runtime in manager.known.values():
            runtime.answers.expire()  # a script may have changed just what it asks for
        chosen = await manager.create_group(
            include_hosts,
            exclude_hosts,
            gpu_required=gpu_required,
            min_memory=min_memory,
            min_cpu_cores=min_cpu_cores,
            installed_executables=installed_executables,
            filter_commands=filter_commands,
        )
        runtimes = [ScriptRuntime(self.session, host, working_dir) for host in chosen.hosts]
        group = ScriptGroup(self.session, runtimes)
        self._groups.append(group)
        await each(group.runtimes, ScriptRuntime.open)
        return group

    async def cleanup(self) -> None:
        """Clean up the detected runtimes and the groups made of them.

        See :meth:`ScriptRuntime.cleanup`.
        """
        groups, self._groups = self._groups, []
        await each(groups, ScriptGroup.cleanup)
        await each(list(self.runtimes.values()), ScriptRuntime.cleanup)
