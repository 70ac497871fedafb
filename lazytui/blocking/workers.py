"""Threads for the loop of the bridge that can be used until the very end of Python.

The pools of the standard library take no more work as soon as the main thread is over, while the
script's other threads and its ``atexit`` functions may still call.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = min(32, (os.cpu_count() or 1) + 4)  # as many as asyncio's own pool has

Given = ParamSpec("Given")
Answer = TypeVar("Answer")


class Workers(ThreadPoolExecutor):
    """A pool of threads that Python does not wait for: whoever owns it shuts it down.

    A subclass only because an event loop takes nothing else; no thread of the base is started.
    """

    def __init__(self) -> None:
        super().__init__(MOST)
        self._change = threading.Condition()
        self._waiting: deque[Callable[[], None]] = deque()
        self._crew: list[threading.Thread] = []
        self._idle = 0
        self._is_shut = False

    def submit(
        self, fn: Callable[Given, Answer], /, *args: Given.args, **kwargs: Given.kwargs
    ) -> Future[Answer]:
        """Call a function in a thread; one more is started if all are busy.

        Raises:
            RuntimeError: it was shut down.
        """
        future: Future[Answer] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                answer = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(answer)

        with self._change:
            if self._is_shut:
                raise RuntimeError("the threads of lazytui were shut down")
            self._waiting.append(work)
            if self._idle >= len(self._waiting) or len(self._crew) >= MOST or self._hire():
                self._change.notify()
                return future
            if self._crew:
                return future  # no more threads are to be had: it waits for one of those
            self._waiting.pop()
        work()  # Python 3.12.0 and .1 start no thread in atexit
        return future

    def _hire(self) -> bool:
        thread = threading.Thread(
            target=self._work, name=f"lazytui-{len(self._crew) + 1}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            return False
        self._crew.append(thread)
        return True

    def _work(self) -> None:
        while True:
            with self._change:
                self._idle += 1
                while not self._waiting and not self._is_shut:
                    self._change.wait()
                self._idle -= 1
                if not self._waiting:
                    return
                work = self._waiting.popleft()
            work()
            del work  # so that it is not kept alive until there is more

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; the threads end when they have done what waits."""
        with self._change:
            self._is_shut = True
            if cancel_futures:
                self._waiting.clear()
            self._change.notify_all()
        if wait:
            for thread in self._crew:
                thread.join()
