"""Shows the screens on this terminal until the user leaves or the terminal goes away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import sys
from typing import TYPE_CHECKING

from lazytui.tui.app import LazytuiApp
from lazytui.tui.look import Look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lazytui.tui.context import EngineView


class _Shown(LazytuiApp):
    """The app of this terminal; tells when its first screen is to be seen."""

    def __init__(self, engine: EngineView, look: Look, tell: Callable[[], None] | None) -> None:
        super().__init__(engine, look=look)
        self._tell = tell

    def on_ready(self) -> None:
        """The screen stands, and is drawn at the next turn but one."""
        if self._tell is not None:
            self.call_after_refresh(self.call_after_refresh, self._tell)


async def run_app(
    engine: EngineView, look: Look | None = None, *, on_shown: Callable[[], None] | None = None
) -> None:
    """Show the screens until the user leaves.

    Textual dies of SIGTERM and SIGHUP without restoring the screen, and without a terminal it
    spins; here all three are a clean exit. Returns then; the engine goes on and is the
    caller's to close. To be awaited on the main thread's loop.

    Args:
        engine: what is shown and asked.
        look: how the terminal wants it.
        on_shown: called once, when the first screen is to be seen.
    """
    look = look or Look()
    app = _Shown(engine, look, on_shown)
    with _on_signals(app.exit), _on_hangup(app.exit):
        await app.run_async(mouse=look.mouse)


@contextlib.contextmanager
def _on_signals(leave: Callable[[], None]) -> Iterator[None]:
    """Leave on SIGTERM and SIGHUP inside the ``with``; their former handling comes back after."""
    loop = asyncio.get_running_loop()
    former = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number in former:
        loop.add_signal_handler(number, leave)
    try:
        yield
    finally:
        for number, handler in former.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


@contextlib.contextmanager
def _on_hangup(leave: Callable[[], None]) -> Iterator[None]:
    """Leave when the terminal is gone, also where SIGHUP is ignored (nohup).

    An epoll that asks for nothing still reports a hang-up, and is itself a file to wait for;
    so the keys stay Textual's to read, and nothing is polled. Systems without epoll have SIGHUP.
    """
    terminal = sys.__stdin__
    if terminal is None or not hasattr(select, "epoll"):
        yield
        return
    loop = asyncio.get_running_loop()
    with select.epoll() as hangup:
        try:
            hangup.register(terminal.fileno(), 0)
        except OSError:  # /dev/null and files have no other end that could go away
            yield
            return

        def gone() -> None:
            loop.remove_reader(hangup.fileno())
            _let_go_of_terminal()
            leave()

        loop.add_reader(hangup.fileno(), gone)
        try:
            yield
        finally:
            loop.remove_reader(hangup.fileno())


def _let_go_of_terminal() -> None:
    """Put nothing in the place of a terminal that is gone.

    Textual's writer thread would die of the first write to it, and then the loop would wait
    for ever for room in that thread's queue.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        if stream is not None and os.isatty(stream.fileno()):
            os.dup2(nothing, stream.fileno())
    os.close(nothing)
