"""One app for each attached terminal, all on the one engine.

An app ends with its terminal, and a fault in it ends it alone: the engine and all other terminals
go on.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.commands.parser import add_look
from lazytui.core.presence import Attached
from lazytui.errors import UsageError
from lazytui.text import sanitize
from lazytui.tui.terminal import ESCAPE_DELAY_MS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping, Sequence

    from lazytui.core.engine import Engine
    from lazytui.door.channel import TerminalChannel
    from lazytui.door.hello import Hello
    from lazytui.door.terminal_app import TerminalApp
    from lazytui.tui.context import Residence

log = logging.getLogger(__name__)

OK, FAILED, USAGE = 0, 1, 2
# An app that does not end when its user leaves, or its terminal is gone, is ended.
LONGEST_FAREWELL_S = 10.0
# They take no escape sequences: a screen there would be letters in disorder.
CANNOT_DRAW = ("", "dumb", "unknown", "emacs")


def prepare(environ: MutableMapping[str, str] | None = None) -> None:
    """Clean the environment of an engine's process from what Textual would read there.

    It is that of the terminal which happened to start the engine; each terminal brings its own.
    To be called before Textual is imported.
    """
    environ = os.environ if environ is None else environ
    for name in [name for name in environ if name.startswith("TEXTUAL")]:
        del environ[name]
    environ["ESCDELAY"] = str(ESCAPE_DELAY_MS)


def warm_up() -> None:
    """Import what the first terminal would have to wait for."""


async def serve_terminal(
    engine: Engine,
    channel: TerminalChannel,
    hello: Hello,
    *,
    stop: Callable[[], None] | None = None,
    on_shown: Callable[[], None] = lambda: None,
) -> int:
    """Show the screens on a terminal until the user leaves or the terminal is gone.

    Never raises because of what happens on the terminal; the channel is closed at the end.

    Args:
        engine: what is shown and asked.
        channel: the terminal.
        hello: the greeting of its client, with the words for the look.
        stop: ends the engine's process; by default SIGTERM does.
        on_shown: called once, when the first screen is to be seen.

    Returns:
        The exit status that the client is given.
    """
    try:
        look = _look_words(hello.argv)
        _check(channel.environ)
    except UsageError as error:
        channel.close(USAGE, str(error))
        return USAGE
    terminal = Attached(_place(channel.environ, hello.pid))
    with engine.presence.attach(terminal):
        log.info("%s attached", terminal.name)
        try:
            from lazytui.tui.context import Residence

            residence = Residence(terminal, stop or _stop_this_process)
            # What the engine begins then must not remember which app it was.
            outside = copy_context()
            status, farewell = await _show(
                engine, channel, look, residence, _folder(hello), lambda: outside.run(on_shown)
            )
        except asyncio.CancelledError:
            channel.close(OK, "the engine was stopped; what runs on the hosts goes on")
            raise
        except Exception as error:
            log.exception("the screen on %s failed", terminal.name)
            status, farewell = FAILED, _failure(error, engine)
        channel.close(status, farewell)
        log.info("%s left", terminal.name)
        return status


async def _show(
    engine: Engine,
    channel: TerminalChannel,
    words: argparse.Namespace,
    residence: Residence,
    folder: Path,
    on_shown: Callable[[], None],
) -> tuple[int, str]:
    """Run the app of a terminal; gives the exit status, and what to say at the end."""
    from lazytui.door.terminal_app import TerminalApp
    from lazytui.tui.look import choose

    look = choose(
        engine.settings,
        theme=words.theme,
        ascii_only=words.ascii,
        no_mouse=words.no_mouse,
        read_only=words.readonly,
        environ=channel.environ,
    )
    app = TerminalApp(engine, channel, look, residence, folder, on_shown)
    await _run(app, mouse=look.mouse)
    if app.failure is not None:
        return FAILED, _failure(app.failure, engine)
    return OK, ""


async def _run(app: TerminalApp, *, mouse: bool) -> None:
    """Run an app to its end; cancelled, it gives its terminal back before it ends."""
    async with asyncio.TaskGroup() as group:
        # In a task, and so in a context, of its own: Textual keeps there which app it is in.
        running = group.create_task(app.run_async(mouse=mouse), name="screen")
        patience = group.create_task(_end(running, app.leaving), name="farewell")
        await asyncio.wait([running])
        patience.cancel()


async def _end(running: asyncio.Task[None], leaving: asyncio.Event) -> None:
    """End an app that wants to leave and does not come to it."""
    await leaving.wait()
    await asyncio.sleep(LONGEST_FAREWELL_S)
    log.warning("a screen did not end by itself")
    running.cancel()


def _failure(error: BaseException, engine: Engine) -> str:
    """Say what became of a screen that failed."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    what = sanitize(f"{type(error).__name__}: {error}", max_chars=200)
    return (
        f"the screen failed: {what}. The engine and all that runs go on: start lazytui again. "
        f"{engine.paths.log_file} has more"
    )


def _look_words(argv: Sequence[str]) -> argparse.Namespace:
    """Read the options of the look; other words are not for the screen."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    add_look(parser)
    try:
        return parser.parse_known_args(argv)[0]
    except argparse.ArgumentError as error:
        raise UsageError(str(error)) from error


def _check(environ: Mapping[str, str]) -> None:
    """See to it that the terminal can show a screen at all.

    Raises:
        UsageError: it cannot.
    """
    term = environ.get("TERM", "")
    if term in CANNOT_DRAW:
        raise UsageError(
            f"the screen needs a terminal that can draw, and TERM is '{sanitize(term)}'; "
            "commands work everywhere, such as: lazytui hosts"
        )


def _folder(hello: Hello) -> Path:
    """Give where the user is; not looked at, as it may be on a disk that does not answer."""
    folder = Path(hello.cwd)
    return folder if folder.is_absolute() else Path.home()


def _place(environ: Mapping[str, str], pid: int) -> str:
    """Name a terminal for the log: where it is, and the process that shows it."""
    address = environ.get("SSH_CONNECTION", "").partition(" ")[0]
    return sanitize(f"{address or 'this machine'}, pid {pid}", max_chars=80)


def _stop_this_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
