"""Groups kept by name: fixed hosts, and queries whose members change with what hosts are."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from lazytui.core.audit import Deed
from lazytui.core.events import GroupsChanged
from lazytui.core.group import RuntimeGroup
from lazytui.core.groups import choose_hosts
from lazytui.core.model import HostState, RuntimeInfo
from lazytui.core.task import CommandSpec
from lazytui.core.where import parse_where
from lazytui.errors import UsageError
from tests.engines import ended, engine_on, output

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lazytui.core.engine import Engine
    from tests.sshd import SSHFarm

GIB = 1 << 30


@asynccontextmanager
async def offline(farm: SSHFarm, *hosts: str) -> AsyncIterator[Engine]:
    """An engine that knows hosts and connects to none."""
    for number, host in enumerate(hosts):
        farm.add_entry(host, f"127.9.9.{number + 1}", 9)
    farm.config.touch()
    async with engine_on(farm) as engine:
        yield engine


def is_now(engine: Engine, host: str, *, gpus: int) -> None:
    """Let a host be known as active, with so many GPUs."""
    runtime = engine.runtimes[host]
    runtime.state = HostState.ACTIVE
    runtime.info = RuntimeInfo("Debian", 8, 16 * GIB, "3.11.2", ("T4",) * gpus)


async def test_a_query_has_other_members_when_the_facts_change(farm: SSHFarm) -> None:
    async with offline(farm, "a", "b") as engine:
        await engine.add_query("gpus", "gpu>=1")
        is_now(engine, "a", gpus=0)
        is_now(engine, "b", gpus=1)
        before = await engine.groups()
        is_now(engine, "a", gpus=2)

        assert before == {"gpus": ["b"]}
        assert await engine.groups() == {"gpus": ["a", "b"]}


async def test_fixed_hosts_stay_as_they_were_kept(farm: SSHFarm) -> None:
    async with offline(farm, "a", "b") as engine:
        is_now(engine, "b", gpus=1)
        await engine.add_group("@gpus", ["b"], "gpu>=1")
        is_now(engine, "a", gpus=1)

        assert await engine.groups() == {"gpus": ["b"]}


async def test_groups_outlive_the_engine_and_are_shared_with_others(farm: SSHFarm) -> None:
    async with offline(farm, "a", "b") as engine:
        await engine.add_group("one", ["a"], "a")
        await engine.add_query("two", "b")
        async with engine_on(farm) as other:
            await other.remove_group("one")
        assert await engine.groups() == {"two": ["b"]}

    async with engine_on(farm) as later:
        (two,) = await later.kept_groups.load()

    assert (two.name, two.where, two.live, two.hosts) == ("two", "b", True, ("b",))


async def test_queries_may_be_made_of_other_groups(farm: SSHFarm) -> None:
    async with offline(farm, "a", "b", "c") as engine:
        await engine.add_group("all", ["a", "b", "c"], "*")
        await engine.add_query("most", "@all - c")
        await engine.add_query("few", "@most !a")

        assert (await engine.groups())["few"] == ["b"]
        assert engine.kept_groups.needs_facts(parse_where("@few", bare_words="exact")) is False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gpu>=", "a number of GPUs"),
        ("@nobody", "unknown group: @nobody"),
        ("@me", "@me cannot be made of @me itself"),
        ("@other a", "@me cannot be made of @me itself"),
        ("  ", "at least one term"),
    ],
)
async def test_a_query_that_cannot_be_is_refused(farm: SSHFarm, text: str, said: str) -> None:
    async with offline(farm, "a") as engine:
        await engine.add_query("me", "a")
        await engine.add_query("other", "@me")

        with pytest.raises(UsageError, match=said):
            await engine.add_query("me", text)

        assert (await engine.groups())["me"] == ["a"]


@pytest.mark.parametrize("name", ["7up", "", "@", "a b", "[red]x[/]", "\x1b[31m", "x" * 65, "ä"])
async def test_a_name_that_could_not_be_typed_after_an_at_sign_is_refused(
    farm: SSHFarm, name: str
) -> None:
    async with offline(farm, "a") as engine:
        with pytest.raises(UsageError, match="group's name"):
            await engine.add_group(name, ["a"], "a")
        with pytest.raises(UsageError, match="group's name"):
            await engine.add_query(name, "a")

        assert await engine.groups() == {}


async def test_a_query_whose_group_was_removed_says_so_and_has_no_members(farm: SSHFarm) -> None:
    async with offline(farm, "a") as engine:
        await engine.add_group("base", ["a"], "a")
        await engine.add_query("top", "@base")
        await engine.add_query("tip", "@top")
        await engine.remove_group("base")

        tip, top = engine.kept_groups.now()

    assert (top.hosts, top.problem) == ((), "unknown group: @base")
    assert (tip.hosts, tip.problem) == ((), "@top: unknown group: @base")


async def test_queries_that_lead_in_a_circle_say_so(farm: SSHFarm) -> None:
    async with offline(farm, "a") as engine:
        # Another lazytui may have written the second one meanwhile.
        await engine.journal.add_group("x", "@y", None)
        await engine.journal.add_group("y", "@x", None)

        groups = await engine.kept_groups.load()

    assert all(not group.hosts and "made of itself" in group.problem for group in groups)


async def test_a_renamed_group_is_followed_by_the_queries_that_speak_of_it(farm: SSHFarm) -> None:
    async with offline(farm, "a", "b") as engine:
        await engine.add_group("old", ["a"], "a")
        await engine.add_group("older", ["b"], "b")
        await engine.add_query("query", '@older,@old !"@old" - b')

        await engine.rename_group("@old", "@new")

        by_name = {group.name: group for group in engine.kept_groups.now()}
        assert sorted(by_name) == ["new", "older", "query"]
        assert by_name["query"].where == '@older,@new !"@old" - b'
        assert by_name["query"].hosts == ("a",)
        assert by_name["new"].hosts == ("a",)
        assert not by_name["new"].live


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("nobody", "x", "no group @nobody"),
        ("one", "two", "a group @two already"),
        ("one", "a b", "group's name"),
    ],
)
async def test_a_group_cannot_take_a_name_it_cannot_have(
    farm: SSHFarm, old: str, new: str, said: str
) -> None:
    async with offline(farm, "a") as engine:
        await engine.add_group("one", ["a"], "a")
        await engine.add_group("two", ["a"], "a")

        with pytest.raises(UsageError, match=said):
            await engine.rename_group(old, new)

        assert sorted(await engine.groups()) == ["one", "two"]


async def test_every_change_is_told_and_noted(farm: SSHFarm) -> None:
    async with offline(farm, "a") as engine:
        with engine.events.subscribe() as events:
            await engine.add_query("q", "a")
            await engine.rename_group("q", "r")
            assert await engine.remove_group("@r")
            assert not await engine.remove_group("r")

            assert GroupsChanged() in await events.drain()
        noted = [(line.subject, line.result) for line in await engine.audit(10)]
        assert all(line.what == Deed.GROUP_CHANGED for line in await engine.audit(10))

    assert noted == [("@r", "removed"), ("@r", "was @q"), ("@q", "live: a")]


async def test_hosts_are_chosen_by_exact_names_first_and_else_by_fuzzy_words(
    farm: SSHFarm,
) -> None:
    async with offline(farm, "a1", "a11", "b1") as engine:
        hosts = list(engine.runtimes.values())

        assert choose_hosts("a1", hosts, {}) == ["a1"]
        assert choose_hosts("a", hosts, {}) == ["a1", "a11"]
        assert choose_hosts("@g,b1", hosts, {"g": ["a1"]}) == ["a1", "b1"]
        with pytest.raises(UsageError, match="unknown group"):
            choose_hosts("@h", hosts, {})


# --- a group to work with ------------------------------------------------------------------------


async def test_a_task_runs_on_the_idle_member_a_named_one_or_all(farm: SSHFarm) -> None:
    farm.add("a")
    farm.add("b")
    async with engine_on(farm) as engine:
        group = await engine.manager.create_group()
        engine.runtime("a").alive_runs = 1

        (idle,) = await group.execute(CommandSpec("echo idle"))
        (named,) = await group.execute(CommandSpec("echo named"), host="a")
        broadcast = await group.execute(CommandSpec("echo all"), broadcast=True)
        for run in (idle, named, *broadcast):
            await ended(run)

        assert group.hosts == ["a", "b"]
        assert (idle.record.host, output(idle)) == ("b", b"idle\n")
        assert (named.record.host, output(named)) == ("a", b"named\n")
        assert [run.record.host for run in broadcast] == ["a", "b"]
        assert group.choose().host == "b"
        assert group.choose().why.startswith("0 runs, ")


async def test_members_are_added_and_removed_once(farm: SSHFarm) -> None:
    async with offline(farm, "a", "b") as engine:
        group = RuntimeGroup([engine.runtime("a")], engine.start_runs)

        group.add(engine.runtime("b"))
        assert group.contains("b")
        assert len(group) == 2
        with pytest.raises(ValueError, match="already"):
            group.add(engine.runtime("b"))
        group.remove("a")
        with pytest.raises(ValueError, match="not in the group"):
            group.remove("a")

        assert group.hosts == ["b"]
        assert group.active == []


async def test_a_task_that_could_run_nowhere_is_refused(farm: SSHFarm) -> None:
    async with offline(farm, "a") as engine:
        group = RuntimeGroup([engine.runtime("a")], engine.start_runs)
        task = CommandSpec("true")

        with pytest.raises(UsageError, match="active"):
            await group.execute(task)
        with pytest.raises(ValueError, match="not in the group"):
            await group.execute(task, host="b")
        with pytest.raises(ValueError, match="not both"):
            await group.execute(task, host="a", broadcast=True)
        with pytest.raises(UsageError, match="active"):
            await RuntimeGroup([], engine.start_runs).execute(task, broadcast=True)
