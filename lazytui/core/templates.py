"""Templates: ``{{host}}`` and the like in the steps of a task, filled in for each host."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from lazytui.core.step import CommandSpec, FunctionSpec, GetSpec, SendSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lazytui.core.step import Step

VARIABLES = ("host", "user", "hostname", "port", "index")

_VARIABLE = re.compile(r"\{\{\s*(" + "|".join(VARIABLES) + r")\s*\}\}")
_PLAIN = re.compile(r"[\w@%+:.,-]*", re.ASCII)
_UNSAFE_IN_PATH = re.compile(r"[/\0]")


@dataclass(frozen=True, slots=True)
class HostValues:
    """What the variables stand for on one host.

    Args:
        host: its alias in the ssh config.
        user: who logs in there.
        hostname: its address in the ssh config.
        port: of its sshd.
        index: its place among the hosts of the task, from 0 on.
    """

    host: str
    user: str = ""
    hostname: str = ""
    port: int = 22
    index: int = 0

    def of(self, name: str) -> str:
        """Give the value of one of :data:`VARIABLES`."""
        return str(getattr(self, name))


def has_variables(*texts: str | None) -> bool:
    """Whether one of some texts names a variable."""
    return any(text and _VARIABLE.search(text) for text in texts)


def fill_command(text: str, values: HostValues) -> str:
    """Fill in a shell command; a value that the shell would take apart is quoted."""

    def value(found: re.Match[str]) -> str:
        plain = values.of(found[1])
        return plain if _PLAIN.fullmatch(plain) else shlex.quote(plain)

    return _VARIABLE.sub(value, text)


def fill_path(text: str, values: HostValues) -> str:
    """Fill in a path; what a value adds to it never leads into another folder."""

    def value(found: re.Match[str]) -> str:
        plain = _UNSAFE_IN_PATH.sub("_", values.of(found[1]))
        return "_" if plain in (".", "..") else plain

    return _VARIABLE.sub(value, text)


def fill_text(text: str, values: HostValues) -> str:
    """Fill in the value of an environment variable: as it is."""
    return _VARIABLE.sub(lambda found: values.of(found[1]), text)


def fill_step(step: Step, values: HostValues) -> Step:
    """Give a step as one host takes it. The arguments of a function are what they are."""
    match step:
        case CommandSpec():
            command = fill_command(step.command, values)
            return replace(
                step, command=command, cwd=_maybe(step.cwd, values), env=_env(step.env, values)
            )
        case FunctionSpec():
            return replace(step, cwd=_maybe(step.cwd, values), env=_env(step.env, values))
        case SendSpec():
            local = fill_path(step.local_path, values)
            return replace(step, local_path=local, remote_path=_maybe(step.remote_path, values))
        case GetSpec():
            local = fill_path(step.local_path, values)
            return replace(step, local_path=local, remote_path=fill_path(step.remote_path, values))
    assert_never(step)


def step_texts(step: Step) -> list[str | None]:
    """List the texts of a step in which a variable is filled in."""
    match step:
        case CommandSpec():
            return [step.command, step.cwd, *(step.env or {}).values()]
        case FunctionSpec():
            return [step.cwd, *(step.env or {}).values()]
        case SendSpec() | GetSpec():
            return [step.local_path, step.remote_path]
    assert_never(step)


def _maybe(path: str | None, values: HostValues) -> str | None:
    return None if path is None else fill_path(path, values)


def _env(env: Mapping[str, str] | None, values: HostValues) -> dict[str, str] | None:
    return None if env is None else {name: fill_text(env[name], values) for name in env}
