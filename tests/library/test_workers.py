"""The threads of the bridge's loop."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from lazytui.blocking.workers import MOST, Workers

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers()
    yield made
    made.shutdown()


def test_it_gives_what_a_function_gives_or_raises(workers: Workers) -> None:
    assert workers.submit(divmod, 7, 3).result(20) == (2, 1)
    with pytest.raises(ZeroDivisionError):
        workers.submit(divmod, 1, 0).result(20)
    assert workers.submit(int, "ff", base=16).result(20) == 255


def test_what_blocks_does_not_hold_up_the_rest_until_all_threads_are_busy(workers: Workers) -> None:
    gate, meeting = threading.Event(), threading.Barrier(MOST + 1)

    def block() -> None:
        meeting.wait(20)
        gate.wait(20)

    blocked = [workers.submit(block) for _ in range(MOST)]
    meeting.wait(20)  # all run beside each other
    late = workers.submit(str, 1)
    before = late.done()
    gate.set()

    assert [each.result(20) for each in blocked] == [None] * MOST
    assert (before, late.result(20)) == (False, "1")


def test_one_thread_is_enough_for_one_thing_after_the_other(workers: Workers) -> None:
    names = set()
    for _ in range(20):
        names.add(workers.submit(lambda: threading.current_thread().name).result(20))
        while not workers._idle:
            threading.Event().wait(0.01)

    assert names == {"lazytui-1"}


def test_what_is_cancelled_before_it_begins_is_not_called(workers: Workers) -> None:
    gate, called = threading.Event(), []
    for _ in range(MOST):
        workers.submit(gate.wait, 20)
    future = workers.submit(called.append, 1)

    cancelled = future.cancel()
    gate.set()
    workers.submit(int).result(20)

    assert (cancelled, called) == (True, [])


def test_a_shutdown_waits_for_what_was_taken_and_takes_no_more() -> None:
    workers, done = Workers(), []
    for number in range(50):
        workers.submit(done.append, number)

    workers.shutdown()

    assert sorted(done) == list(range(50))
    with pytest.raises(RuntimeError, match="shut down"):
        workers.submit(int)


def test_where_no_thread_can_be_started_it_calls_at_once(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert workers.submit(threading.current_thread).result(0) is threading.current_thread()


async def test_an_event_loop_takes_it_as_its_own(workers: Workers) -> None:
    loop = asyncio.get_running_loop()
    loop.set_default_executor(workers)

    names = await asyncio.gather(
        *(asyncio.to_thread(lambda: threading.current_thread().name) for _ in range(5))
    )

    assert all(name.startswith("lazytui-") for name in names)
