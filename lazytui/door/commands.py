"""Carries out command lines of clients inside the engine that runs.

The client is a few lines of standard library at the other end of the socket: its words come in,
stdout, stderr and the exit code go out, Ctrl-C goes through. What it starts is the engine's, and
goes on when the client is gone.
"""

from __future__ import annotations

import argparse
import asyncio
import codecs
import contextlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lazytui.commands import common
from lazytui.commands.call import Call
from lazytui.commands.parser import parser
from lazytui.commands.table import command_named
from lazytui.core.deeds import acting_from
from lazytui.door.questions import Attendant
from lazytui.errors import LazytuiError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from lazytui.commands.table import Command
    from lazytui.core.engine import Engine
    from lazytui.door.channel import CommandStreams
    from lazytui.door.hello import Hello
    from lazytui.ssh.config import SSHConfig

log = logging.getLogger(__name__)

BROKEN_PIPE = 141  # what a shell says of a program that SIGPIPE ended
CONNECTING = ("groups", "expose", "clusters")  # commands without a WHERE that wait for hosts
COLUMNS = 80  # argparse's own, where stdout is no terminal


async def serve_command(engine: Engine, hello: Hello, streams: CommandStreams) -> int:
    """Carry out a client's command line; gives the exit code.

    Args:
        engine: the running one.
        hello: the words, and where they were given.
        streams: the client's.
    """
    stdout = ClientOutput(streams.stdout, streams.drain, hello, 1)
    stderr = ClientOutput(streams.stderr, streams.drain, hello, 2)
    columns = hello.size[0] if hello.ttys[1] else COLUMNS
    try:
        arguments = _parse(hello.argv, columns)
    except _Said as said:
        stdout.write(said.out.encode(stdout.encoding, "replace"))
        stderr.write(said.err.encode(stderr.encoding, "replace"))
        return await _flushed(said.status, stdout, stderr)
    arguments.ssh_config = engine.config_path
    call = ServedCall(engine, arguments, hello, streams, stdout, stderr)
    command = command_named(arguments.command or "")
    if command is None:
        call.say("this command is about a terminal; it is not for the engine")
        return await _flushed(common.USAGE, stdout, stderr)
    code = await _carry_out(command, call, streams)
    return await _flushed(code, stdout, stderr)


async def _carry_out(command: Command, call: ServedCall, streams: CommandStreams) -> int:
    """Carry out a command, and end it where an interrupt says so; an error ends only this one."""
    with acting_from("command line"):
        work = asyncio.ensure_future(command(call))

    def signalled(_name: str) -> None:
        if not call.interrupted():
            interrupted.append(work.cancel())

    interrupted: list[bool] = []
    streams.on_signal = signalled
    try:
        return await work
    except asyncio.CancelledError:
        if not interrupted:
            raise
        return common.INTERRUPTED
    except UsageError as error:
        call.say(str(error))
        return common.USAGE
    except LazytuiError as error:
        call.say(str(error))
        return common.FAILED
    except BrokenPipeError:
        return BROKEN_PIPE
    except Exception as error:
        log.exception("command line %s", call.arguments.command)
        call.say(f"fault in lazytui: {type(error).__name__}: {error} (the log has more)")
        return common.FAILED
    finally:
        streams.on_signal = None
        if not work.done():  # we are cancelled, as the client is gone
            work.cancel()
            await asyncio.wait((work,))


async def _flushed(code: int, *outputs: ClientOutput) -> int:
    """Let the client have everything before it exits."""
    try:
        for output in outputs:
            await output.drain()
    except BrokenPipeError:
        return BROKEN_PIPE
    return code


class ClientOutput:
    """stdout or stderr of a client.

    What is written in one go is sent together: a table is one frame, not a thousand.

    Args:
        send: takes bytes for it.
        drain: waits until the client has taken most of it.
        hello: says whether it is a terminal, and how text is written there.
        number: 1 or 2.
    """

    def __init__(
        self, send: Callable[[bytes], None], drain: Any, hello: Hello, number: int
    ) -> None:
        self._send = send
        self._drain = drain
        self._waiting: list[bytes] = []
        self.is_terminal = hello.ttys[number]
        self.encoding = encoding_of(hello.environ)

    def write(self, data: bytes) -> None:
        """Queue bytes."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.send_now)
        self._waiting.append(data)

    def send_now(self) -> None:
        """Hand on what was written."""
        if data := b"".join(self._waiting):
            self._waiting.clear()
            self._send(data)

    async def drain(self) -> None:
        """Wait until the client has taken most of it."""
        self.send_now()
        try:
            await self._drain()
        except ConnectionResetError as error:
            raise BrokenPipeError from error


class ServedCall(Call):
    """A client's command line, with the engine that runs.

    Args:
        engine: the running one.
        arguments: the words, parsed.
        hello: where they were given.
        streams: the client's.
        stdout: of the client.
        stderr: of the client.
    """

    def __init__(
        self,
        engine: Engine,
        arguments: argparse.Namespace,
        hello: Hello,
        streams: CommandStreams,
        stdout: ClientOutput,
        stderr: ClientOutput,
    ) -> None:
        super().__init__(
            arguments, stdout, stderr, cwd=Path(hello.cwd), environ=dict(hello.environ)
        )
        self._engine = engine
        if hello.ttys[2]:
            self.columns = hello.size[0] or self.columns
        self._before_stderr = stdout.send_now
        self._attendant = Attendant(
            engine, self, streams if hello.ttys[0] and hello.ttys[2] else None
        )
        self._told = False

    @contextlib.asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        """Give the running engine; questions about the hosts of this command are asked here."""
        self._tell_problems()
        if not self._connects:
            yield self._engine
            return
        self._attendant.begin()
        attending = asyncio.ensure_future(self._attendant.attend())
        try:
            yield self._engine
        finally:
            attending.cancel()
            await asyncio.wait((attending,))

    async def config(self) -> SSHConfig:
        """Give the ssh config as the engine has it."""
        self._tell_problems()
        return self._engine.config

    @property
    def lasting(self) -> bool:
        """The running engine lives on."""
        return True

    def say(self, text: str) -> None:
        """Tell the user something, after what was printed before."""
        self._before_stderr()
        super().say(text)

    @property
    def _connects(self) -> bool:
        """Hosts that ask something hold this command up."""
        return hasattr(self.arguments, "where") or self.arguments.command in CONNECTING

    def interrupted(self) -> bool:
        """Hand Ctrl-C to whoever waits for it; False when nobody does."""
        if not self._interrupts:
            return False
        self._interrupts[-1]()
        return True

    def _tell_problems(self) -> None:
        """Tell what is wrong with the ssh config, once, as a command by itself does."""
        if not self._told:
            self._told = True
            self.complain(self._engine.config.problems)


def encoding_of(environ: Mapping[str, str]) -> str:
    """Give the encoding of text for a client, as Python itself would choose it there."""
    locale = next((v for n in ("LC_ALL", "LC_CTYPE", "LANG") if (v := environ.get(n))), "")
    codeset = locale.partition("@")[0].partition(".")[2]
    if not codeset or environ.get("PYTHONUTF8") == "1":
        return "utf-8"
    try:
        return codecs.lookup(codeset).name
    except LookupError:
        return "utf-8"


class _Said(Exception):  # noqa: N818 - asked for help, for one
    """The parser had to say something instead of giving words.

    Args:
        status: to exit with.
        out: for stdout.
        err: for stderr.
    """

    def __init__(self, status: int, out: str, err: str) -> None:
        super().__init__(status)
        self.status, self.out, self.err = status, out, err


def _parse(argv: Sequence[str], columns: int) -> argparse.Namespace:
    """Parse a client's words.

    Raises:
        _Said: there is help, a version or an error to be told.
    """

    class Quiet(argparse.ArgumentParser):
        """Keeps what it would print on the engine's own streams."""

        said = ""

        def _get_formatter(self) -> argparse.HelpFormatter:
            # argparse takes two off the width of the terminal, if it finds that by itself.
            return self.formatter_class(self.prog, width=columns - 2)  # type: ignore[call-arg]

        def _print_message(self, message: str, file: object = None) -> None:
            self.said += message

        def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
            text = self.said + (message or "")
            raise _Said(status, "" if status else text, text if status else "")

    return parser(Quiet).parse_args(argv)
