"""Shells on hosts, for people at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.errors import ConnectionLostError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from lazytui.core.runtime import Runtime
    from lazytui.program import Program

UNKNOWN_TERM = "xterm-256color"


async def open_shell(runtime: Runtime, *, term: str, size: tuple[int, int]) -> Program:
    """Open a login shell on a host; waits while it is being connected.

    Args:
        runtime: the host.
        term: the kind of the user's terminal.
        size: its columns and rows.

    Raises:
        ConnectError: the host is inactive; the reason says why.
        ConnectionLostError: the connection broke, or the host refuses a session or a terminal.
    """
    await runtime.reach()
    connection = runtime.connection
    if connection is None:
        raise ConnectionLostError(f"{runtime.host}: connection lost; try again")
    from lazytui.ssh.shell import open_shell as open_on

    title = f"shell on {sanitize(runtime.host)}"
    try:
        return await open_on(connection, title, term=term or UNKNOWN_TERM, size=size)
    except ConnectionLostError as error:
        raise ConnectionLostError(f"{runtime.host}: {error}") from error
