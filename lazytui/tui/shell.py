"""``s``: a shell on a host, in this terminal or in a new window of tmux."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import TYPE_CHECKING, cast

from lazytui.core.local_program import environ_for
from lazytui.core.shells import UNKNOWN_TERM
from lazytui.errors import LazytuiError
from lazytui.text import sanitize
from lazytui.tui.borrowing import borrow
from lazytui.tui.screens.choice import ChoiceScreen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lazytui.program import Program
    from lazytui.tui.app import LazytuiApp
    from lazytui.tui.screens.base import EngineScreen

HERE, WINDOW = "s", "w"
# What leads the new window to the same engine, where it differs from the login's.
_HOMES = ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")
TMUX_TIMEOUT_S = 10.0


def ask_shell(screen: EngineScreen, host: str) -> None:
    """Open a shell on a host; inside tmux the user chooses where.

    Args:
        screen: where it was asked for.
        host: the alias.
    """
    app = cast("LazytuiApp", screen.app)
    if not app.environ.get("TMUX"):
        _here(screen, host)
        return

    def chosen(where: str | None) -> None:
        if where == HERE:
            _here(screen, host)
        elif where == WINDOW:
            command = _new_window(host, screen.engine.config_path, app.environ)
            app.run_worker(command, name="tmux", group="tmux", exit_on_error=False)

    choices = [(HERE, "here; leaving it comes back"), (WINDOW, "in a new tmux window")]
    screen.open(ChoiceScreen(f"Shell on {sanitize(host)}", (), choices, start=0), chosen)


def _here(screen: EngineScreen, host: str) -> None:
    app = cast("LazytuiApp", screen.app)
    term = app.environ.get("TERM") or UNKNOWN_TERM

    async def program() -> Program:
        return await screen.engine.open_shell(
            host, term=term, size=(app.size.width, app.size.height)
        )

    borrow(app, program, f"shell on {host}")


async def _new_window(host: str, config: str, environ: Mapping[str, str]) -> None:
    """Have tmux open a window with a shell on a host.

    Raises:
        LazytuiError: tmux does not.
    """
    homes = [word for name in _HOMES if name in os.environ for word in ("-e", _set(name))]
    path = os.path.expanduser(config)  # noqa: ASYNC240, PTH111 - reads the environment only
    shell = [sys.executable, "-P", "-m", "lazytui", "-F", path, "shell", host]
    words = ["tmux", "new-window", *homes, "-n", sanitize(host, max_chars=40), "--", *shell]
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            env=environ_for(environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise LazytuiError(f"tmux cannot be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(TMUX_TIMEOUT_S):
            _, said = await process.communicate()
    except TimeoutError as error:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise LazytuiError("tmux does not answer") from error
    if process.returncode:
        raise LazytuiError(f"no new window: {sanitize(said.strip())}")


def _set(name: str) -> str:
    return f"{name}={os.environ[name]}"
