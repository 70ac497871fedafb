"""The bridge of the blocking API: threads, notebooks, forks and Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from lazytui.blocking.bridge import Bridge
from tests.engines import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class Held:
    """What the calls of these tests are given."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.closed = False


@pytest.fixture
def bridge() -> Iterator[Bridge[Held]]:
    @contextlib.asynccontextmanager
    async def hold() -> AsyncIterator[Held]:
        held = Held()
        yield held
        held.closed = True

    made = Bridge(hold)
    yield made
    made.close()


async def itself(held: Held) -> Held:
    return held


def test_a_call_gives_what_the_coroutine_gives(bridge: Bridge[Held]) -> None:
    async def double(held: Held) -> int:
        await asyncio.sleep(0)
        return 42

    assert bridge.call(double) == 42


def test_a_call_raises_what_the_coroutine_raises(bridge: Bridge[Held]) -> None:
    async def fail(held: Held) -> None:
        raise LookupError("gpu09")

    with pytest.raises(LookupError, match="gpu09"):
        bridge.call(fail)


def test_the_loop_starts_with_the_first_call_and_all_calls_share_it(bridge: Bridge[Held]) -> None:
    assert not bridge.is_open

    first, second = bridge.call(itself), bridge.call(itself)

    assert bridge.is_open
    assert first is second


def test_a_closed_bridge_has_closed_what_it_held_and_begins_anew(bridge: Bridge[Held]) -> None:
    first = bridge.call(itself)

    bridge.close()

    assert first.closed
    assert bridge.call(itself) is not first


def test_what_cannot_be_opened_is_told_to_each_who_calls() -> None:
    @contextlib.asynccontextmanager
    async def refuse() -> AsyncIterator[Held]:
        raise PermissionError("no state folder")
        yield

    bridge = Bridge(refuse)
    for _ in range(2):
        with pytest.raises(PermissionError, match="no state folder"):
            bridge.call(itself)
    assert not bridge.is_open


def test_many_threads_call_at_once(bridge: Bridge[Held]) -> None:
    meeting = 8
    arrived: list[int] = []
    gate: list[asyncio.Event] = []

    async def meet(held: Held) -> int:
        if not gate:
            gate.append(asyncio.Event())
        arrived.append(1)
        if len(arrived) == meeting:
            gate[0].set()
        await gate[0].wait()  # nobody gets through before all are there
        return len(arrived)

    with ThreadPoolExecutor(meeting) as pool:
        answers = list(pool.map(lambda _: bridge.call(meet), range(meeting)))

    assert answers == [meeting] * meeting


async def test_a_notebook_with_a_running_loop_may_call(bridge: Bridge[Held]) -> None:
    held = bridge.call(itself)

    assert held.loop is not asyncio.get_running_loop()


def test_a_call_from_its_own_loop_is_refused_instead_of_waiting_for_ever(
    bridge: Bridge[Held],
) -> None:
    async def call_again(held: Held) -> None:
        bridge.call(itself)

    with pytest.raises(RuntimeError, match=r"use lazytui\.core"):
        bridge.call(call_again)


def test_who_asks_while_it_is_closed_is_answered_or_told_so(bridge: Bridge[Held]) -> None:
    over = threading.Event()
    answers: list[str] = []

    def ask() -> None:
        while not over.is_set():
            try:
                bridge.call(itself)
                answers.append("answered")
            except RuntimeError as error:
                answers.append(str(error))

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        for _ in range(100):
            bridge.close()
        over.set()
        for each in asking:
            each.result(20)  # none waits for ever

    assert set(answers) <= {"answered", "lazytui was closed while it was asked"}
    assert "answered" in answers


def test_a_call_that_waits_is_told_when_it_is_closed(bridge: Bridge[Held]) -> None:
    begun = threading.Event()

    async def wait(held: Held) -> None:
        begun.set()
        await asyncio.sleep(600)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(bridge.call, wait)
        assert begun.wait(20)
        bridge.close()
        with pytest.raises(RuntimeError, match="closed while it was asked"):
            waiting.result(20)


def test_an_exit_inside_a_coroutine_is_for_who_asked_and_does_not_end_the_loop(
    bridge: Bridge[Held],
) -> None:
    async def leave(held: Held) -> None:
        raise SystemExit(3)

    first = bridge.call(itself)
    with pytest.raises(SystemExit):
        bridge.call(leave)

    assert bridge.call(itself) is first


def test_ctrl_c_cancels_the_coroutine_and_waits_until_it_has_tidied_up(
    bridge: Bridge[Held],
) -> None:
    told: list[str] = []

    async def work(held: Held) -> None:
        threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            told.append("tidy")

    with pytest.raises(KeyboardInterrupt):
        bridge.call(work)

    assert told == ["tidy"]
    assert bridge.call(itself).closed is False


def test_an_interrupt_that_the_coroutine_raises_is_not_mistaken_for_ctrl_c(
    bridge: Bridge[Held],
) -> None:
    async def fail(held: Held) -> None:
        raise TimeoutError("slow")

    with pytest.raises(TimeoutError, match="slow"):
        bridge.call(fail)


def test_a_forked_child_has_a_loop_of_its_own(bridge: Bridge[Held]) -> None:
    bridge.call(itself)
    reader, writer = os.pipe()

    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            held = bridge.call(itself)
            os.write(writer, b"fresh" if not held.closed else b"stale")
            bridge.close()
            os.write(writer, b" closed" if held.closed else b" open")
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)

    with os.fdopen(reader, "rb") as said:
        assert said.read() == b"fresh closed"
    assert bridge.call(itself).closed is False


SCRIPT = """
import asyncio, contextlib
from lazytui.blocking.bridge import Bridge

@contextlib.asynccontextmanager
async def hold():
    yield 1
    await asyncio.to_thread(print, "closed in order")

bridge = Bridge(hold)

async def ask(held):
    return held

def work():
    bridge.call(ask)

{how}
"""


@pytest.mark.parametrize(
    "how",
    [
        pytest.param("work()", id="a script"),
        pytest.param("work(); raise SystemExit(3)", id="a script that exits"),
        pytest.param(
            "import multiprocessing as m\n"
            "child = m.get_context('fork').Process(target=work)\n"
            "bridge._register()\nchild.start(); child.join()",
            id="a forked worker",
        ),
    ],
)
def test_the_end_of_the_process_closes_it_while_threads_still_work(how: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(how=how)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("closed in order\n", "")
