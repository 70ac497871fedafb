"""Folders on a host: made, made for a while, and deleted."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from lazytui.core.script.asking import shell
from lazytui.errors import PathCreationError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from lazytui.core.runtime import Runtime

_MADE = "lazytui-made "  # comes before the path, so that a complaint is never taken for one


async def make_temporary(runtime: Runtime) -> str:
    """Make a temporary folder that only the user can read; gives its absolute path.

    Raises:
        PathCreationError: it cannot be made.
        InvalidRuntimeError: the host cannot be asked now.
    """
    place = '"${TMPDIR:-/tmp}"'
    command = f'cd {place} && d=$(mktemp -d lazytui-XXXXXXXX) && cd "$d" && pwd -P'
    return await _made(runtime, command, "a temporary folder")


async def make(runtime: Runtime, path: str) -> str:
    """Make a folder and those above it; gives its absolute path. One that is there is fine.

    Args:
        runtime: the host.
        path: a relative one, or one that begins with ``~/``, is below the user's home.

    Raises:
        PathCreationError: it cannot be made.
        InvalidRuntimeError: the host cannot be asked now.
    """
    quoted = shlex.quote(_below_home(path))
    return await _made(runtime, f"mkdir -p -- {quoted} && cd -- {quoted} && pwd", path)


async def delete(runtime: Runtime, path: str) -> bool:
    """Delete a folder with all that is in it.

    Returns:
        Whether it was there and is gone.

    Raises:
        InvalidRuntimeError: the host cannot be asked now.
    """
    quoted = shlex.quote(_below_home(path))
    command = f"[ -d {quoted} ] && rm -rf -- {quoted} && echo {_MADE.strip()}"
    return (await shell(runtime, command)).strip().endswith(_MADE.strip())


def _below_home(path: str) -> str:
    """Give a path as the shell in the home folder takes it; a leading dash stays harmless."""
    if path == "~":
        return "."
    path = path.removeprefix("~/")
    return path if path.startswith(("/", "./")) else f"./{path}"


async def _made(runtime: Runtime, command: str, what: str) -> str:
    said = await shell(runtime, f'exec 2>&1; p=$({command}) && echo "{_MADE}$p"')
    complaint, mark, made = said.rstrip("\n").rpartition(_MADE)
    if not mark:
        raise PathCreationError(what, runtime.host, sanitize(complaint + made, max_chars=300))
    return made
