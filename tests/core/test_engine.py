"""The engine: hosts found together, work given to the idle, news for many who may not listen."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from lazytui.core.events import EventBus, Notice, OutputGrew, RunChanged, RuntimeChanged
from lazytui.core.model import HostState, RunState
from lazytui.errors import UsageError
from tests.engines import ended, engine_on, grown, output, start

if TYPE_CHECKING:
    from tests.sshd import SSHFarm


# --- events ----------------------------------------------------------------------------------


async def test_news_about_one_thing_replace_each_other_until_they_are_read() -> None:
    bus = EventBus()

    with bus.subscribe() as slow:
        for size in range(10_000):
            bus.publish(OutputGrew("a", size))
            bus.publish(OutputGrew("b", size))
            bus.publish(RunChanged("a", 1))
        news = await slow.drain()

    assert set(news) == {OutputGrew("a", 9999), OutputGrew("b", 9999), RunChanged("a", 1)}
    assert len(news) == 3


async def test_every_subscriber_gets_all_news_since_it_came_and_none_after_it_went() -> None:
    bus = EventBus()
    bus.publish(RuntimeChanged("before"))

    with bus.subscribe() as first:
        bus.publish(RuntimeChanged("one"))
        with bus.subscribe() as second:
            bus.publish(Notice("two"))
        bus.publish(RuntimeChanged("three"))
        heard = await first.drain()

    assert heard == [RuntimeChanged("one"), Notice("two"), RuntimeChanged("three")]
    assert await second.drain() == [Notice("two")]


async def test_a_subscriber_that_is_cancelled_while_it_waits_takes_nothing_with_it() -> None:
    bus = EventBus()

    with bus.subscribe() as reader:
        waiting = asyncio.ensure_future(reader.get())
        await asyncio.sleep(0)
        waiting.cancel()
        bus.publish(RuntimeChanged("gpu01"))

        assert await reader.get() == RuntimeChanged("gpu01")


async def test_a_screen_that_never_reads_holds_up_no_run_and_piles_up_nothing(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        with engine.events.subscribe() as asleep:
            run = await start(engine, "gpu01", "for i in $(seq 2000); do echo $i; done")
            record = await ended(run)
            await engine.detect()
            unread = await asleep.drain()

    assert record.state is RunState.SUCCEEDED
    assert len(output(run).splitlines()) == 2000
    kinds = [type(event) for event in unread if getattr(event, "run_id", None) == run.run_id]
    assert sorted(kind.__name__ for kind in kinds) == ["OutputGrew", "RunChanged"]


# --- hosts -----------------------------------------------------------------------------------


async def test_all_hosts_are_found_at_once_active_or_inactive_with_a_reason(farm: SSHFarm) -> None:
    farm.add("gpu01")
    farm.add_refused("dead")
    farm.add("liar", known="wrong")
    farm.add_http("web")

    async with engine_on(farm) as engine:
        found = {runtime.host: runtime for runtime in await engine.detect()}

    assert list(found) == ["gpu01", "dead", "liar", "web"]
    assert found["gpu01"].state is HostState.ACTIVE
    assert found["gpu01"].info is not None
    assert found["gpu01"].info.cpu_cores >= 1
    reasons = {name: found[name].reason for name in ("dead", "liar", "web")}
    assert {found[name].state for name in reasons} == {HostState.INACTIVE}
    assert reasons["dead"] == "refused"
    assert "host key changed" in reasons["liar"]
    assert "not an SSH server" in reasons["web"]


async def test_a_host_that_comes_up_later_is_found_when_asked_again(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    host.stop()

    async with engine_on(farm) as engine:
        (runtime,) = await engine.detect()
        assert runtime.state is HostState.INACTIVE
        host.start()
        with engine.events.subscribe() as events:
            await engine.refresh(["gpu01"])
            async with asyncio.timeout(20):
                while runtime.state is not HostState.ACTIVE:
                    await events.drain()


async def test_the_least_busy_host_has_the_fewest_runs_alive(farm: SSHFarm) -> None:
    for name in ("gpu01", "gpu02", "gpu03"):
        farm.add(name)
    farm.add_refused("dead")
    names = ["dead", "gpu01", "gpu02", "gpu03"]

    async with engine_on(farm) as engine:
        await engine.detect()
        runs = [
            await start(engine, name, "echo up; exec sleep 60")
            for name in ("gpu01", "gpu01", "gpu02", "gpu02", "gpu03")
        ]
        for run in runs:
            await grown(engine, run, 3)
        chosen = engine.least_busy(names).host
        for run in runs[:2]:
            await engine.stop_run(run.run_id, "KILL")
            await ended(run)
        then = engine.least_busy(names).host
        for run in runs[2:]:
            await engine.stop_run(run.run_id, "KILL")
            await ended(run)
        with pytest.raises(UsageError, match="active"):
            engine.least_busy(["dead"])

    assert (chosen, then) == ("gpu03", "gpu01")


# --- several engines, one journal ------------------------------------------------------------


async def test_two_engines_on_one_journal_see_each_others_work_and_take_none_of_it(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    async with engine_on(farm) as first, engine_on(farm) as second:
        runs = [
            await start(engine, "gpu01", f"echo {n} >>lines; echo {n}")
            for n, engine in enumerate([first, second] * 5)
        ]
        taken = [*await first.adopt(), *await second.adopt()]
        for run in runs:
            await ended(run)
        seen = [
            {(record.run_id, record.state) for record in await engine.journal.records()}
            for engine in (first, second)
        ]

    assert taken == []
    assert seen[0] == seen[1] == {(run.run_id, RunState.SUCCEEDED) for run in runs}
    assert sorted((host.home / "lines").read_text().split()) == [str(n) for n in range(10)]


async def test_a_group_added_by_one_engine_is_known_to_the_other(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")

    async with engine_on(farm) as first, engine_on(farm) as second:
        await first.add_group("train", ["gpu01"], "gpu*")
        assert await second.groups() == {"train": ["gpu01"]}
        assert await second.remove_group("train")
        assert await first.groups() == {}
        assert not await first.remove_group("train")


# --- the end ---------------------------------------------------------------------------------


@pytest.mark.leaves_nothing
async def test_an_engine_that_ends_leaves_no_task_and_no_process_behind(
    farm: SSHFarm, caplog: pytest.LogCaptureFixture
) -> None:
    host = farm.add("gpu01")
    farm.add_silent("mute")
    before = asyncio.all_tasks()

    with caplog.at_level(logging.ERROR):
        async with engine_on(farm, watching=True) as engine:
            await ended(await start(engine, "gpu01", "echo hi"))
            await start(engine, "mute", "echo never")

    assert asyncio.all_tasks() == before
    assert caplog.messages == []
    async with asyncio.timeout(20):
        while host.session_pids():
            await asyncio.sleep(0.02)
