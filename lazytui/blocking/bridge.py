"""The bridge from blocking code to the core: one event loop in a thread of its own.

A script, a notebook whose own loop runs, several threads and a forked worker all call over it.
It holds no logic: it starts the loop at the first call, carries calls and answers, and ends what
runs there with the process.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lazytui.blocking.workers import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

log = logging.getLogger(__name__)

CANCEL_S = 10.0  # that a cancelled call may take to tidy up before Ctrl-C is passed on
TOO_LATE = (
    "Python is ending, and lazytui is closed already: ask it before the end of the script, not in"
    " __del__ or in what atexit calls last"
)

CLOSED = "lazytui was closed while it was asked"

Held = TypeVar("Held")
Answer = TypeVar("Answer")


class Bridge(Generic[Held]):
    """Calls coroutines from any thread but its own, and waits for them.

    Args:
        open_held: makes what every call gets as its argument; opened with the first call, closed
            by :meth:`close` or at the end of the process.
    """

    def __init__(self, open_held: Callable[[], AbstractAsyncContextManager[Held]]) -> None:
        self._open_held = open_held
        self._lock = threading.Lock()
        self._house: _House[Held] | None = None
        self._inherited: list[object] = []
        self._registered = False
        self._is_over = False  # the end of the process has closed it

    def call(self, ask: Callable[[Held], Coroutine[Any, Any, Answer]]) -> Answer:
        """Run a coroutine on the loop and give its result.

        Ctrl-C cancels the coroutine, waits until it has tidied up, and is then raised here.

        Args:
            ask: makes the coroutine; called on the loop.

        Raises:
            RuntimeError: called from the loop of the bridge itself, which would wait for ever,
                or when Python is ending.
            BaseException: what the coroutine raised.
        """
        house = self._open()
        if threading.get_ident() == house.thread_id:
            raise RuntimeError(
                "the blocking API was called from lazytui's own loop; use lazytui.core there"
            )
        return house.call(ask)

    @property
    def is_open(self) -> bool:
        """Whether there was a call since the start of the process, or since it was closed."""
        return self._house is not None

    @property
    def is_over(self) -> bool:
        """Whether Python is ending, so that it was closed and opens no more."""
        return self._is_over and not self.is_open

    def close(self) -> None:
        """Close what is held and end the loop; the next call begins anew."""
        with self._lock:
            house, self._house = self._house, None
        if house is not None:
            house.close()

    def _open(self) -> _House[Held]:
        house = self._house
        if house is not None and house.is_alive:
            return house
        if self._is_over:
            raise RuntimeError(TOO_LATE)
        with self._lock:
            if self._house is None or not self._house.is_alive:
                self._register()
                _at_end_of_worker(self.close)
                self._house = _House(self._open_held)
            return self._house

    def _register(self) -> None:
        """See to it that the end of the process closes, and that a fork begins anew."""
        if self._registered:
            return
        if not threading.main_thread().is_alive():  # functions of atexit run: no more are taken
            raise RuntimeError(TOO_LATE)
        # The script's other threads are over by then, and its own atexit functions, as far as they
        # were registered after the first call.
        atexit.register(self._end)
        os.register_at_fork(after_in_child=self._forget)
        self._registered = True

    def _end(self) -> None:
        self._is_over = True
        self.close()

    def _forget(self) -> None:
        """In a forked child: the loop's thread is not there, and the connections are the parent's.

        What was inherited is kept, never closed: its sockets and its journal are the parent's.
        """
        self._inherited.append(self._house)
        self._house = None
        self._is_over = False
        self._lock = threading.Lock()


class _House(Generic[Held]):
    """One loop with its thread, and what is held there."""

    def __init__(self, open_held: Callable[[], AbstractAsyncContextManager[Held]]) -> None:
        self._open_held = open_held
        self._opened: concurrent.futures.Future[Held] = concurrent.futures.Future()
        self._asked: set[_Call[Any]] = set()  # by any thread, and not answered yet
        self._loop = asyncio.new_event_loop()
        self._workers = Workers()
        self._loop.set_default_executor(self._workers)
        self._leave = asyncio.Event()
        self._thread = threading.Thread(target=self._live, name="lazytui", daemon=True)
        self._thread.start()
        assert self._thread.ident is not None
        self.thread_id = self._thread.ident
        try:
            self._held = self._opened.result()
        except BaseException:
            self._ask_to_leave()
            raise

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def call(self, ask: Callable[[Held], Coroutine[Any, Any, Answer]]) -> Answer:
        call = _Call(self._loop, lambda: ask(self._held))
        self._asked.add(call)
        try:
            self._send(lambda: call.give_up() if self._leave.is_set() else call.begin())
            return call.answer.result()
        except concurrent.futures.CancelledError:
            raise RuntimeError(CLOSED) from None
        except BaseException:
            if not call.answer.done():  # it is ours: Ctrl-C, or what a signal handler raised
                self._cancel(call)
            raise
        finally:
            self._asked.discard(call)

    def _send(self, do: Callable[[], None]) -> None:
        """Have something done on the loop."""
        try:
            self._loop.call_soon_threadsafe(do)
        except RuntimeError:
            raise RuntimeError(CLOSED) from None

    def _cancel(self, call: _Call[Any]) -> None:
        with contextlib.suppress(concurrent.futures.CancelledError, Exception):
            self._loop.call_soon_threadsafe(call.cancel)
            call.answer.result(CANCEL_S)

    def close(self) -> None:
        self._ask_to_leave()
        self._thread.join()

    def _ask_to_leave(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self._loop.call_soon_threadsafe(self._leave.set)

    # -- on the thread

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._hold())
        except BaseException as error:
            if not self._opened.done():
                self._opened.set_exception(error)
            else:
                log.exception("closing")
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._workers.shutdown()
            self._loop.close()
            for call in list(self._asked):  # nobody is left who could answer
                call.give_up()

    async def _hold(self) -> None:
        async with self._open_held() as held:
            self._opened.set_result(held)
            await self._leave.wait()
            begun = list(self._asked)
            for call in begun:
                call.cancel()
            await asyncio.gather(*(call.ended() for call in begun))


class _Call(Generic[Answer]):
    """One call on its way."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        ask: Callable[[], Coroutine[Any, Any, Answer]],
    ) -> None:
        self.answer: concurrent.futures.Future[Answer] = concurrent.futures.Future()
        self._loop = loop
        self._ask = ask
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        self._task = self._loop.create_task(self._answer())
        self._task.add_done_callback(lambda task: self.give_up())

    async def _answer(self) -> None:
        try:
            answer = await self._ask()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # SystemExit, too: it is for who asked, not for the loop
            self.answer.set_exception(error)
        else:
            self.answer.set_result(answer)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def give_up(self) -> None:
        """Say that there will be no answer, unless there is one."""
        if not self.answer.done():
            self.answer.set_exception(concurrent.futures.CancelledError())

    async def ended(self) -> None:
        if self._task is not None:
            await asyncio.wait([self._task])


def _at_end_of_worker(close: Callable[[], None]) -> None:
    """In a worker of ``multiprocessing``, which leaves without ``atexit``: call at its end."""
    process, util = (sys.modules.get(f"multiprocessing.{name}") for name in ("process", "util"))
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, close, exitpriority=100)
