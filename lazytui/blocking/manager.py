"""The seed's RuntimeManager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.blocking.calls import call, is_over
from lazytui.blocking.group import RuntimeGroup
from lazytui.blocking.held import Held
from lazytui.blocking.printing import INACTIVE, print_hosts, print_info
from lazytui.blocking.runtime import Runtime
from lazytui.core.script.manager import ScriptManager
from lazytui.tables import Column, print_table

if TYPE_CHECKING:
    from lazytui.core.script.session import Session


class RuntimeManager(Held):
    """Detects the runtimes of the ssh config, all at once, and makes groups of them.

    Raises:
        NoRuntimesDetectedError: no host of the ssh config can be used; it says why.
    """

    def __init__(self) -> None:
        async def detect(session: Session) -> ScriptManager:
            return await session.manager()

        self._core = call(detect)

    def create_group(
        self,
        include_hosts: str | list[str] | None = None,
        exclude_hosts: str | list[str] | None = None,
        gpu_required: bool = False,
        min_memory: int | None = None,
        min_cpu_cores: int | None = None,
        installed_executables: str | list[str] | None = None,
        filter_commands: str | list[str] | None = None,
        working_dir: str | None = None,
    ) -> RuntimeGroup:
        """Make a group of all detected runtimes, or of those that fulfil all that is asked for.

        Each host is asked in one round trip, all at once.

        Args:
            include_hosts: only these.
            exclude_hosts: all but these.
            gpu_required: at least one GPU.
            min_memory: memory in MB (2**20 bytes).
            min_cpu_cores: number of cores.
            installed_executables: programs that must all be on the PATH.
            filter_commands: commands that must all print ``true``, in any case, as their last
                line.
            working_dir: of the members; temporary ones by default.

        Raises:
            ValueError: included and excluded hosts are given both, one of them is no host, or a
                filter is empty.
            NoRuntimesError: no runtime fulfils all of it.
            PathCreationError: the working directory cannot be made on a host.
        """

        async def create(session: Session) -> RuntimeGroup:
            core = await self._here(session).create_group(
                include_hosts,
                exclude_hosts,
                gpu_required,
                min_memory,
                min_cpu_cores,
                installed_executables,
                filter_commands,
                working_dir,
            )
            return RuntimeGroup._of(core)

        return call(create)

    def print_hosts(self) -> None:
        """Print all hosts, the inactive ones marked, with the reason."""
        print_hosts(self._core.runtimes, self._core.inactive)

    def print_inactive_hosts(self) -> None:
        """Print the hosts that cannot be used, with the reason."""
        rows = [(host, f"{INACTIVE} {why}".rstrip()) for host, why in self._core.inactive.items()]
        print_table((Column("HOST"), Column("STATE")), rows)

    def print_runtime_info(self) -> None:
        """Print what the detected runtimes are, and which hosts are inactive."""
        infos = [Runtime._of(core).info for core in self._core.runtimes.values()]
        print_info(infos, self._core.inactive)

    def cleanup(self) -> None:
        """Release what the detected runtimes and the groups made of them hold.

        What was asked to outlive the script goes on.
        """

        async def clean(session: Session) -> None:
            await self._here(session).cleanup()

        if not is_over():
            call(clean)

    # -- inside

    def _here(self, session: Session) -> ScriptManager:
        """Give it as the session has it; that may be a new one, after a fork or a close."""
        if self._core.session is not session:
            self._core = ScriptManager(session)
        return self._core
