"""One app for each attached terminal, all on the one engine.

An app ends with its terminal, and a fault in it ends it alone: the engine and all other terminals
go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, cast

from lazytui.core.presence import Attached
from lazytui.errors import UsageError
from lazytui.text import sanitize
from lazytui.tui.terminal import ESCAPE_DELAY_MS

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from textual.driver import Driver
    from textual.screen import Screen

    from lazytui.core.engine import Engine
    from lazytui.door.channel import TerminalChannel
    from lazytui.door.hello import Hello

log = logging.getLogger(__name__)

OK, FAILED, USAGE = 0, 1, 2
# An app that does not end by itself when its terminal is gone is ended.
LONGEST_FAREWELL_S = 10.0
# Terminals that take no escape sequences: a screen there is letters in disorder.
CANNOT_DRAW = ("dumb", "unknown", "emacs")


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
    import lazytui.door.terminal_app
    import lazytui.tui.screens.tasks  # noqa: F401


async def serve_terminal(
    engine: Engine,
    channel: TerminalChannel,
    hello: Hello,
    *,
    stop: Callable[[], None] | None = None,
) -> int:
    """Show the screens on a terminal until the user leaves or the terminal is gone.

    Never raises because of what happens on the terminal; the channel is closed at the end.

    Args:
        engine: what is shown and asked.
        channel: the terminal.
        hello: the greeting of its client, with the words for the look.
        stop: ends the engine's process; by default SIGTERM does.

    Returns:
        The exit status that the client is given.
    """
    try:
        look = _look_words(hello)
        _check(channel)
    except UsageError as error:
        channel.close(USAGE, str(error))
        return USAGE
    terminal = Attached(place_of(hello))
    with engine.presence.attach(terminal):
        log.info("%s attached", terminal.name)
        try:
            status, farewell = await _show(
                engine, channel, look, terminal, stop or _stop_this_process
            )
        except asyncio.CancelledError:
            channel.close(OK, "the engine was stopped; what runs on the hosts goes on")
            raise
        except Exception as error:
            log.exception("the screen on %s failed", terminal.name)
            status, farewell = FAILED, failure(error, engine)
        channel.close(status, farewell)
        log.info("%s left", terminal.name)
        return status
