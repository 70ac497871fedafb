"""The manager of all hosts: what it asks them, and the groups it makes of their answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from lazytui.core.events import RuntimeChanged
from lazytui.core.manager import filter_text
from lazytui.core.model import HostState
from lazytui.core.where import parse_where
from lazytui.errors import NoRuntimesDetectedError
from tests.engines import engine_on

if TYPE_CHECKING:
    from lazytui.core.engine import Engine
    from tests.sshd import SSHFarm

# Each time it is asked, a host writes a line; it says true where there is a file "yes".
COUNTING = 'cmd:"echo asked >> ~/asked; test -e ~/yes && echo TRUE"'


def chosen(engine: Engine, text: str) -> list[str]:
    return parse_where(text, bare_words="exact").select(list(engine.runtimes.values()))


async def test_hosts_are_active_or_inactive(farm: SSHFarm) -> None:
    farm.add("up")
    farm.add_refused("down")
    async with engine_on(farm) as engine:
        await engine.detect()

        assert [runtime.host for runtime in engine.manager.runtimes] == ["up"]
        assert [runtime.host for runtime in engine.manager.inactive] == ["down"]
        assert "refused" in engine.manager.inactive[0].reason


async def test_hosts_are_asked_once_and_again_after_a_refresh(farm: SSHFarm) -> None:
    yes, no = farm.add("yes"), farm.add("no")
    farm.add_refused("down")
    (yes.home / "yes").touch()
    where = parse_where(COUNTING, bare_words="exact")
    async with engine_on(farm) as engine:
        await engine.detect()
        before = chosen(engine, COUNTING), chosen(engine, f"!{COUNTING}")

        with engine.events.subscribe() as events:
            await asyncio.gather(engine.ask_facts(where), engine.ask_facts(where))
            told = set(await events.drain())
        assert before == ([], [])
        assert told == {RuntimeChanged("yes"), RuntimeChanged("no")}
        assert chosen(engine, COUNTING) == ["yes"]
        assert chosen(engine, f"!{COUNTING}") == ["no"]  # of "down" nothing is known

        (yes.home / "yes").unlink()
        await engine.ask_facts(where)
        assert chosen(engine, COUNTING) == ["yes"]
        await engine.refresh()
        assert chosen(engine, COUNTING) == ["yes"]
        await engine.ask_facts(where)
        assert chosen(engine, COUNTING) == []
        assert (yes.home / "asked").read_text() == "asked\n" * 2
        assert (no.home / "asked").read_text() == "asked\n" * 2


async def test_a_host_that_is_gone_has_no_answers(farm: SSHFarm) -> None:
    host = farm.add("here")
    where = parse_where("has:sh", bare_words="exact")
    async with engine_on(farm) as engine:
        await engine.detect()
        await engine.ask_facts(where)
        known = chosen(engine, "has:sh")
        with engine.events.subscribe() as events:
            host.stop()
            async with asyncio.timeout(30):
                while engine.runtime("here").state is HostState.ACTIVE:
                    await events.drain()
        await engine.ask_facts(where)

        assert known == ["here"]
        assert chosen(engine, "has:sh") == []
        assert chosen(engine, "!has:sh") == []


async def test_a_live_group_knows_the_hosts_that_come_up_while_a_screen_watches(
    farm: SSHFarm,
) -> None:
    farm.add("one")
    async with engine_on(farm) as engine:
        await engine.add_query("shells", "has:sh !has:no-such-program")
        with engine.events.subscribe() as events:
            engine.watch()
            async with asyncio.timeout(30):
                while await engine.groups() != {"shells": ["one"]}:
                    await events.drain()


async def test_a_group_is_made_of_the_hosts_that_fulfil_all_that_is_asked_for(
    farm: SSHFarm,
) -> None:
    small, large = farm.add("small"), farm.add("large")
    farm.add_refused("down")
    (large.home / "data").mkdir()
    for host in (small, large):
        (host.home / "quoted").write_text('"')
    async with engine_on(farm) as engine:
        create = engine.manager.create_group

        assert (await create()).hosts == ["small", "large"]
        assert (await create("large")).hosts == ["large"]
        assert (await create(["large", "small"])).hosts == ["large", "small"]
        assert (await create(exclude_hosts=["large"])).hosts == ["small"]
        group = await create(
            min_memory=1,
            min_cpu_cores=1,
            installed_executables="sh",
            filter_commands=["test -d ~/data && echo true", 'grep -q "\\"" quoted && echo True'],
        )
        assert group.hosts == ["large"]
        assert (await create(installed_executables=["sh", "cat"])).hosts == ["small", "large"]

        with pytest.raises(NoRuntimesDetectedError, match="gpu>=1 cores>=100000"):
            await create(gpu_required=True, min_cpu_cores=100_000)
        with pytest.raises(NoRuntimesDetectedError, match="none of these hosts is active"):
            await create("down")
        with pytest.raises(ValueError, match="not both"):
            await create("small", "large")
        with pytest.raises(ValueError, match="'nobody' is no host"):
            await create("nobody")


def test_filters_are_terms_of_a_where() -> None:
    text = filter_text(
        gpu_required=True,
        min_memory=16_000,
        min_cpu_cores=8,
        installed_executables=["docker", "git"],
        filter_commands=['echo "\\" true'],
    )

    assert text == (
        'gpu>=1 mem>=16000M cores>=8 installed:"docker" installed:"git" cmd:"echo \\"\\\\\\" true"'
    )
    where = parse_where(text, bare_words="exact")
    assert {probe.text for probe in where.probes} == {"docker", "git", 'echo "\\" true'}
