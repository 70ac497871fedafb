"""What ``lazytui run`` was asked to do: the task, where, and how its runs follow each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lazytui.core.plan import Plan, read_environment, read_seconds
from lazytui.core.step import CommandSpec
from lazytui.core.task import RuntimeTask
from lazytui.core.task_file import read_task_file
from lazytui.core.task_functions import function_step
from lazytui.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Order:
    """A task and its plan. ``where`` are the words of a WHERE."""

    task: RuntimeTask
    where: tuple[str, ...]
    plan: Plan

    @property
    def waits(self) -> bool:
        """Whether the host is chosen when something has come true, not at once."""
        return bool(self.plan.when or self.plan.after)


def order_of(arguments: argparse.Namespace, file: Callable[[str], Path]) -> Order:
    """Read the command line of ``run``.

    Args:
        arguments: of ``run``.
        file: gives the file that a path of the command line means.

    Raises:
        UsageError: there is nothing to run, too much, or something cannot be read.
    """
    command = _command(arguments)
    if not arguments.task:
        if not command.command.strip():
            raise UsageError("nothing to run: lazytui run -w HOSTS -- COMMAND")
        plan = _plan(arguments, Plan())
        return Order(RuntimeTask().add(command), tuple(arguments.where), plan)
    if command != CommandSpec("", env={}):
        raise UsageError("--task has its own steps: no command, --cwd, --env or --tty beside it")
    path = file(arguments.task)
    draft = read_task_file(path)
    task, plan = draft.task(path.parent, function_step)
    where = tuple(arguments.where) or ((draft.where,) if draft.where else ())
    return Order(task, where, _plan(arguments, plan))


def _command(arguments: argparse.Namespace) -> CommandSpec:
    words = list(arguments.words)
    if words and words[0] == "--":
        words = words[1:]
    env = read_environment(arguments.env)
    return CommandSpec(" ".join(words), cwd=arguments.cwd, env=env, tty=arguments.tty)


def _plan(arguments: argparse.Namespace, plan: Plan) -> Plan:
    """Give a plan with what the command line says instead of what it said."""
    timeout_s = read_seconds(arguments.timeout or "")
    if arguments.detach and (timeout_s or plan.timeout_s) is not None:
        raise UsageError("with --detach nobody is left to end it: use -- timeout T CMD")
    if arguments.batch is not None and arguments.batch < 1:
        raise UsageError(f"--batch takes 1 or more, not {arguments.batch}")
    if arguments.after_ok and not arguments.after:
        raise UsageError("--after-ok says more of --after ID: which task?")
    way = plan.least_busy and arguments.batch is None
    return replace(
        plan,
        batch=0 if arguments.least_busy else arguments.batch or plan.batch,
        least_busy=arguments.least_busy or way,
        stop_on_failure=arguments.stop_on_failure or plan.stop_on_failure,
        timeout_s=plan.timeout_s if timeout_s is None else timeout_s,
        when=arguments.when or plan.when,
        after=_task_number(arguments.after) if arguments.after else 0,
        after_ok=arguments.after_ok,
    )


def _task_number(text: str) -> int:
    number = text.removeprefix("#")
    if not (number.isascii() and number.isdigit() and 0 < len(number) < 19):
        raise UsageError(f"--after takes the number of a task, not {text!r} (lazytui tasks)")
    return int(number)
