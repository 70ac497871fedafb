"""A task: a name and the steps that each of its runs takes, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NAME_LENGTH = 200  # of a name made up from the command


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """A ``run_command`` step.

    Args:
        command: text for ``/bin/sh``.
        cwd: directory on the host; None for the user's home.
        env: environment variables on top of the login's.
        tty: give the command a terminal.
    """

    command: str
    cwd: str | None = None
    env: Mapping[str, str] | None = None
    tty: bool = False

    def to_step(self) -> dict[str, Any]:
        """Give the step as the journal keeps it."""
        return {
            "kind": "command",
            "command": self.command,
            "cwd": self.cwd,
            "env": dict(self.env or {}),
            "tty": self.tty,
        }

    @classmethod
    def from_step(cls, step: Mapping[str, Any]) -> CommandSpec:
        """Read a step back from the journal.

        Raises:
            UsageError: it is of a kind that this version does not know.
        """
        if step.get("kind") != "command":
            raise UsageError(f"a step of kind {step.get('kind')!r} is not known here")
        return cls(step["command"], step.get("cwd"), step.get("env"), bool(step.get("tty")))


class RuntimeTask:
    """A named list of steps, to be run on one runtime or on all of a group.

    Args:
        name: shown in lists; by default the first line of the first command.
    """

    def __init__(self, name: str | None = None) -> None:
        self._name = name
        self.steps: tuple[CommandSpec, ...] = ()

    @property
    def name(self) -> str:
        """What lists show. Always text that can be stored: odd bytes of a shell are replaced."""
        commands = [line for step in self.steps for line in step.command.strip().splitlines()]
        name = self._name or (commands[0][:NAME_LENGTH] if commands else "")
        return name.encode("utf-8", "replace").decode()

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
            cwd: directory on the host; None for the user's home.
            env: environment variables on top of the login's.
            tty: give the command a terminal.

        Raises:
            ValueError: the command is empty.
        """
        if not command.strip():
            raise ValueError("a command step needs a command")
        return self.add(CommandSpec(command, cwd, env, tty))

    def add(self, step: CommandSpec) -> Self:
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
            try:
                task.add(CommandSpec.from_step(step))
            except (KeyError, TypeError, AttributeError) as error:
                raise UsageError(f"a step that cannot be read: {error!r}") from error
        if not task.steps:
            raise UsageError("a task without steps")
        return task
