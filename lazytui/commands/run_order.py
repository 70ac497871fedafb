"""What ``lazytui run`` was asked to do: the task, where, and how its runs follow each other."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lazytui.core.plan import Plan, read_environment, read_seconds
from lazytui.core.step import CommandSpec
from lazytui.core.task import RuntimeTask
from lazytui.core.task_file import FUNCTION, read_task_file
from lazytui.core.task_functions import function_step, functions_of
from lazytui.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from lazytui.commands.call import Call
    from lazytui.core.step import FunctionSpec


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


async def order_of(call: Call) -> Order:
    """Read the command line of ``run``.

    Raises:
        UsageError: there is nothing to run, too much, or something cannot be read.
    """
    arguments = call.arguments
    if arguments.function:
        task = RuntimeTask().add(await _function(call))
        return Order(task, tuple(arguments.where), _plan(arguments, Plan()))
    if arguments.kwargs:
        raise UsageError("--kwargs are the arguments of a --function")
    command = _command(arguments)
    if not arguments.task:
        if not command.command.strip():
            raise UsageError("nothing to run: lazytui run -w HOSTS -- COMMAND")
        plan = _plan(arguments, Plan())
        return Order(RuntimeTask().add(command), tuple(arguments.where), plan)
    if command != CommandSpec("", env={}):
        raise UsageError("--task has its own steps: no command, --cwd, --env or --tty beside it")
    path = call.path(arguments.task)
    draft = read_task_file(path)
    if any(step.kind == FUNCTION for step in draft.steps):
        await call.loop()
    functions = await functions_of(draft, path.parent, call.environ)
    task, plan = draft.task(path.parent, functions)
    where = tuple(arguments.where) or ((draft.where,) if draft.where else ())
    return Order(task, where, _plan(arguments, plan))


async def _function(call: Call) -> FunctionSpec:
    arguments = call.arguments
    if arguments.task or arguments.tty:
        raise UsageError("--function is the only step: no --task or --tty beside it")
    kwargs = read_kwargs(arguments.kwargs, arguments.words)
    await call.loop()
    step = await function_step(arguments.function, kwargs, call.cwd, call.environ)
    return replace(step, cwd=arguments.cwd, env=read_environment(arguments.env) or None)


def read_kwargs(text: str | None, words: Sequence[str]) -> dict[str, Any]:
    """Give the keyword arguments of a function.

    Args:
        text: a JSON object.
        words: ``name=value`` each; a value that is no JSON is a text.

    Raises:
        UsageError: one of them is something else.
    """
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise UsageError(f"--kwargs is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError('--kwargs takes a JSON object, such as {"epochs": 3}')
    for word in words[1:] if words[:1] == ["--"] else words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"{word}: the arguments of a function are NAME=VALUE")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _command(arguments: argparse.Namespace) -> CommandSpec:
    words = list(arguments.words)
    if words and words[0] == "--":
        words = words[1:]
    env = read_environment(arguments.env)
    return CommandSpec(" ".join(words), cwd=arguments.cwd, env=env, tty=arguments.tty)


def _plan(arguments: argparse.Namespace, plan: Plan) -> Plan:
    """Give a plan with what the command line says instead of what it said."""
    timeout_s = read_seconds(arguments.timeout or "")
    task_timeout_s = read_seconds(arguments.task_timeout or "")
    limits = (timeout_s, task_timeout_s, plan.timeout_s, plan.task_timeout_s)
    if arguments.detach and any(limits):
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
        task_timeout_s=plan.task_timeout_s if task_timeout_s is None else task_timeout_s,
        when=arguments.when or plan.when,
        after=_task_number(arguments.after) if arguments.after else 0,
        after_ok=arguments.after_ok,
    )


def _task_number(text: str) -> int:
    number = text.removeprefix("#")
    if not (number.isascii() and number.isdigit() and 0 < len(number) < 19):
        raise UsageError(f"--after takes the number of a task, not {text!r} (lazytui tasks)")
    return int(number)
