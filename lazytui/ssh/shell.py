"""An interactive shell on a host, over the connection that is already logged in.

Nobody is asked for a second factor again, and nothing but bytes passes: what arrow keys, colours
and odd encodings mean is between the program there and the terminal here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncssh

from lazytui.errors import ConnectionLostError
from lazytui.program import Ended

if TYPE_CHECKING:
    from lazytui.program import ProgramEvents
    from lazytui.ssh.connection import Connection

# What a terminal that speaks UTF-8 is; the rest is left as the host has it. Without VERASE some
# systems take ^H for the key that sends DEL.
_MODES = {asyncssh.PTY_VERASE: 127, asyncssh.PTY_IUTF8: 1}
MOST_COLUMNS, MOST_ROWS = 10_000, 10_000


class RemoteShell(asyncssh.SSHClientSession[bytes]):
    """A program on a pseudo-terminal of a host. Made by :func:`open_shell`."""

    def __init__(self, title: str) -> None:
        self.title = title
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._events: ProgramEvents | None = None
        self._end = Ended(None, "connection lost")
        self._lost = False

    # -- what whoever has the terminal asks

    @property
    def unread(self) -> int:
        """Bytes that were typed, and that the host has not taken yet."""
        return self._channel.get_write_buffer_size() if self._channel is not None else 0

    def start(self, events: ProgramEvents) -> None:
        """Tell these what it prints, from now on."""
        self._events = events
        if self._lost:
            events.ended(self._end)
        else:
            self.go_on()

    def type(self, data: bytes) -> None:
        """Give it what was typed."""
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write(data)

    def resize(self, columns: int, rows: int) -> None:
        """Tell it the size of its terminal."""
        if self._channel is not None and not self._channel.is_closing():
            self._channel.change_terminal_size(*_clamped(columns, rows))

    def hold(self) -> None:
        """Read nothing more: the window of the channel fills, and the program waits."""
        if self._channel is not None:
            self._channel.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if self._channel is not None:
            self._channel.resume_reading()

    def hang_up(self) -> None:
        """Close the channel: sshd then sends the program SIGHUP."""
        if self._channel is not None:
            self._channel.abort()

    # -- what asyncssh tells

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """Wait with reading until somebody has a terminal for it."""
        self._channel = chan
        chan.pause_reading()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Hand on what it printed; a pseudo-terminal has no stderr of its own."""
        if self._events is not None:
            self._events.printed(data)

    def exit_status_received(self, status: int) -> None:
        """Note the exit status; without one it was cut off."""
        self._end = Ended(status)

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        """Note the signal that ended it."""
        self._end = Ended(None, f"ended by signal {signal}")

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell of the end."""
        self._lost = True
        if self._events is not None:
            self._events.ended(self._end)


async def open_shell(
    connection: Connection,
    title: str,
    *,
    term: str,
    size: tuple[int, int],
    command: str | None = None,
) -> RemoteShell:
    """Open a login shell on a host, with a terminal.

    Args:
        connection: to the host, logged in.
        title: what it is, for people.
        term: the kind of the user's terminal, for ``TERM``.
        size: columns and rows.
        command: run this instead of a shell.

    Raises:
        ConnectionLostError: the connection is gone, or the host refuses a session or a terminal.
    """
    shell = RemoteShell(title)
    try:
        await connection.asyncssh_connection.create_session(
            lambda: shell,
            command,
            request_pty="force",
            term_type=term,
            term_size=_clamped(*size),
            term_modes=_MODES,
            encoding=None,
            env=None,
            send_env=None,
        )
    except asyncssh.ChannelOpenError as error:
        raise ConnectionLostError(_refused(str(error))) from error
    except (asyncssh.Error, OSError) as error:
        raise ConnectionLostError(f"connection lost: {error}") from error
    return shell


def _refused(text: str) -> str:
    """Say what can be done about a refusal."""
    if "pty" in text.lower():
        return "the host gives no terminal (PermitTTY no in its sshd_config, or no-pty on the key)"
    return (
        f"the host refuses one more session ({text}): its sshd allows MaxSessions on a connection;"
        " leave another shell first, or wait for a transfer to end"
    )


def _clamped(columns: int, rows: int) -> tuple[int, int]:
    """Give a size that a pseudo-terminal can have."""
    return max(1, min(columns, MOST_COLUMNS)), max(1, min(rows, MOST_ROWS))
