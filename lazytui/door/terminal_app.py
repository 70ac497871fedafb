"""The app of one attached terminal: what differs when many apps share a process."""

from __future__ import annotations

import asyncio
import logging
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.widget import MountError

from lazytui.door.driver import ChannelDriver
from lazytui.door.passthrough import hand_over
from lazytui.tui.app import LazytuiApp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual.driver import Driver
    from textual.screen import Screen

    from lazytui.door.channel import TerminalChannel
    from lazytui.door.typed import Turn
    from lazytui.program import Ended, Program
    from lazytui.tui.context import EngineView, Residence
    from lazytui.tui.look import Look

log = logging.getLogger(__name__)


class TerminalApp(LazytuiApp):
    """The screens on a terminal channel.

    Args:
        engine: what is shown and asked.
        channel: the terminal.
        look: how the terminal wants it.
        residence: the terminal's place among the others, and how the engine is stopped.
        on_shown: called once, when the first screen is to be seen.
    """

    def __init__(
        self,
        engine: EngineView,
        channel: TerminalChannel,
        look: Look,
        residence: Residence,
        folder: Path,
        on_shown: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(
            engine,
            look=look,
            driver_class=cast("type[Driver]", partial(ChannelDriver, channel=channel)),
            environ=channel.environ,
            folder=folder,
            residence=residence,
        )
        self.failure: BaseException | None = None
        self._on_shown = on_shown
        self.leaving = asyncio.Event()
        """Set when the user leaves, or the terminal is gone."""
        # Textual puts these in the place of the process's stdout and stderr while an app runs. Of
        # two apps the one that ends first would take the other's away, and leave its own behind.
        self._capture_stdout: Any = sys.stdout
        self._capture_stderr: Any = sys.stderr

    @property
    def driver(self) -> ChannelDriver:
        """The driver of a running app; it can lend the terminal."""
        driver = self._driver
        if not isinstance(driver, ChannelDriver):
            raise TypeError("the app does not run")
        return driver

    async def hand_over(self, program: Program) -> Ended:
        """Let a program have the terminal until it ends."""
        return await hand_over(self.driver, program)

    def suspend_terminal(self) -> bool:
        """Stop the terminal's client; this app and the engine go on."""
        channel = self.driver.channel
        if channel.can_stop:
            self.driver.flush()
            channel.stop()
        return channel.can_stop

    def on_ready(self) -> None:
        """The screen stands, and is drawn at the next turn but one."""
        self.call_after_refresh(self.call_after_refresh, self._on_shown)

    def on_turn(self, message: Turn) -> None:
        """All that was typed before this is done."""
        message.taken()

    def exit(self, *words: Any, **named: Any) -> None:
        """Leave, as every app does, and say so to whoever serves the terminal."""
        super().exit(*words, **named)
        self.leaving.set()

    def _display(self, screen: Screen[object], renderable: Any) -> None:
        """Paint, unless the driver's gate is shut; then all is painted when it opens."""
        driver = self._driver
        if renderable is None or not isinstance(driver, ChannelDriver):
            return
        if driver.gate.is_shut:
            driver.gate.missed()
            return
        painted = not self._batch_count
        super()._display(screen, renderable)
        if painted:
            driver.gate.painted()

    def _handle_exception(self, error: Exception) -> None:
        """End this app alone; the fault goes to the log, and a sentence to the user."""
        if self.leaving.is_set() and isinstance(error, MountError):
            # It was left before its first screen stood, which is no fault.
            self._close_messages_no_wait()
            return
        self._return_code = 1
        if self.failure is None:
            self.failure = error
            log.error("a screen failed", exc_info=error)
        self._close_messages_no_wait()
