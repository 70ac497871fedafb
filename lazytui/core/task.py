"""A task: a name and the steps that each of its runs takes, one after the other."""

from __future__ import annotations

from dataclasses import replace
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from lazytui.core.step import CommandSpec, FunctionSpec, GetSpec, Place, SendSpec, Step, from_step
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

__all__ = [
    "CommandSpec",
    "FunctionSpec",
    "GetSpec",
    "Place",
    "RuntimeTask",
    "SendSpec",
    "Step",
]

NAME_LENGTH = 200  # of a name made up from the steps


class RuntimeTask:
    """A named list of steps, to be run on one runtime or on all of a group.

    Args:
        name: shown in lists; by default the first line of the first step.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name
        self.steps: tuple[Step, ...] = ()

    @property
    def name(self) -> str:
        """What lists show. Always text that can be stored: odd bytes of a shell are replaced."""
        lines = [line for step in self.steps for line in step.title.strip().splitlines()]
        name = self._name or (lines[0][:NAME_LENGTH] if lines else "")
        return name.encode("utf-8", "replace").decode()

    @property
    def title(self) -> str:
        """All steps in one line."""
        return "; ".join(step.title for step in self.steps)

    def run_command(
        self,
        command: str,
        *,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        tty: bool = False,
    ) -> Self:
        """Add a step that runs a command; give the task, to add more.

        Args:
            command: text for ``/bin/sh``. The next step is taken when it exits with 0.
            cwd: directory on the host; by default the working directory, or the user's home.
            env: environment variables on top of the login's.
            tty: give the command a terminal.

        Raises:
            ValueError: the command is empty.
        """
        if not command.strip():
            raise ValueError("a command step needs a command")
        return self.add(CommandSpec(command, cwd, env, tty))

    def run_function(self, function: Callable[..., Any], /, **func_kwargs: Any) -> Self:
        """Add a step that calls a Python function on the host; give the task.

        Args:
            function: anything that can be called; it is pickled now.
            func_kwargs: its keyword arguments.

        Raises:
            ValueError: it cannot be called.
            FunctionSendError: something about it cannot be sent; the message says what.
        """
        from lazytui.core.functions import pickled

        return self.add(pickled(function, func_kwargs))

    def send_file(
        self,
        local_path: str | PathLike[str],
        remote_path: str | PathLike[str] | None = None,
    ) -> Self:
        """Add a step that sends a file or a folder; give the task.

        Args:
            local_path: on the manager; a relative one is below today's working directory.
            remote_path: on the host; a relative one is below the run's working directory. By
                default the same name in that directory.

        Raises:
            ValueError: a path is empty.
        """
        local = _path(local_path, "the local path of send_file")
        remote = None if remote_path is None else _path(remote_path, "the remote path of send_file")
        return self.add(SendSpec(_absolute(local), remote))

    def get_file(
        self,
        remote_path: str | PathLike[str],
        local_path: str | PathLike[str] | None = None,
    ) -> Self:
        """Add a step that gets a file or a folder; give the task.

        Args:
            remote_path: on the host; a relative one is below the run's working directory.
            local_path: on the manager; by default in the present working directory. From several
                hosts, each lands in a folder of its own there.

        Raises:
            ValueError: a path is empty.
        """
        remote = _path(remote_path, "the remote path of get_file")
        local = "./" if local_path is None else _path(local_path, "the local path of get_file")
        return self.add(GetSpec(remote, _absolute(local)))

    def add(self, step: Step) -> Self:
        """Add a step that was made elsewhere; give the task."""
        self.steps = (*self.steps, step)
        return self

    @classmethod
    def from_steps(cls, steps: Sequence[Mapping[str, Any]]) -> Self:
        """Read the steps back from the journal.

        Raises:
            UsageError: one is of a kind that this version does not know, or there is none.
        """
        task = cls()
        for step in steps:
            task.add(from_step(step))
        if not task.steps:
            raise UsageError("a task without steps")
        return task


def apart(task: RuntimeTask, hosts: Sequence[str]) -> RuntimeTask:
    """Give a task whose steps for several hosts do not write over what another one got."""
    if len(hosts) < 2 or not any(isinstance(step, GetSpec) for step in task.steps):
        return task
    made = RuntimeTask(task.name)
    for step in task.steps:
        made.add(replace(step, per_host=True) if isinstance(step, GetSpec) else step)
    return made


def _path(path: str | PathLike[str], what: str) -> str:
    text = fspath(path)
    if not text.strip():
        raise ValueError(f"{what} is empty")
    return text


def _absolute(path: str) -> str:
    slash = "/" if path.endswith("/") else ""  # it says that the path is a folder
    try:
        return str(Path(path).expanduser().absolute()) + slash
    except RuntimeError as error:  # ~nobody
        raise ValueError(str(error)) from error
