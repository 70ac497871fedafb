"""Questions with fields in a running engine: one answer for all who look, and nobody held up."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui.core.model import HostState, RunState
from lazytui.core.presence import Attached
from lazytui.ssh.credentials import Reply
from tests import evil
from tests.door.clients import Client
from tests.engines import engine_on, paths_of, start
from tests.ssh.test_asking import give_locked_key
from tests.sshd_process import encrypt

if TYPE_CHECKING:
    from lazytui.core.engine import Engine
    from lazytui.ssh.credentials import Question
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd

SECRET = "correct-horse-battery-staple"


async def asked(engine: Engine, *, count: int = 1) -> Question:
    """Wait until questions wait; gives the newest."""
    async with asyncio.timeout(20):
        with engine.events.subscribe() as events:
            while len(engine.questions) < count:
                await events.drain()
    return engine.questions[-1]


async def in_state(engine: Engine, host: str, state: HostState) -> None:
    async with asyncio.timeout(20):
        while engine.runtime(host).state is not state:
            await engine.runtime(host).wait_change()


async def test_every_host_that_waits_for_the_passphrase_says_so_and_one_answer_is_for_all(
    farm: SSHFarm,
) -> None:
    names = [farm.add(f"gpu0{number}").name for number in range(3)]
    encrypt(farm.client_key)
    async with engine_on(farm, watching=True) as engine:
        question = await asked(engine)
        async with asyncio.timeout(20):
            while any(engine.runtime(name).question is None for name in names):
                await asyncio.sleep(0.01)
        assert engine.questions == [question]
        engine.reply(question.id, ("secret",))
        for name in names:
            await in_state(engine, name, HostState.ACTIVE)
        assert [engine.runtime(name).question for name in names] == [None, None, None]


async def test_a_question_left_for_later_holds_nobody_up_and_may_still_be_answered(
    farm: SSHFarm,
) -> None:
    farm.add("gw1")
    farm.add("inner", jump="gw1")
    farm.add("gpu01")
    give_locked_key(farm, "gw1")
    async with engine_on(farm) as engine:
        detecting = asyncio.ensure_future(engine.detect())
        question = await asked(engine)
        engine.later(question.id)
        async with asyncio.timeout(20):
            await detecting
        states = {host: runtime.state for host, runtime in engine.runtimes.items()}
        reasons = {host: runtime.reason for host, runtime in engine.runtimes.items()}
        run = await start(engine, "inner", "echo hi")
        await run.done.wait()
        left = list(engine.questions)
        engine.reply(question.id, ("secret",))
        await in_state(engine, "inner", HostState.ACTIVE)
        await in_state(engine, "gpu01", HostState.ACTIVE)

    assert states["gpu01"] is HostState.ACTIVE
    assert states["inner"] is states["gw1"] is HostState.INACTIVE
    assert reasons["gw1"] == "asks for a passphrase"
    assert reasons["inner"] == "gw1 asks for a passphrase"
    assert run.record.reason == "not reached: gw1 asks for a passphrase"
    assert left == [question]


async def test_two_terminals_see_the_question_and_the_first_answer_counts(farm: SSHFarm) -> None:
    farm.add("gpu01")
    encrypt(farm.client_key)
    async with engine_on(farm) as engine:
        one = Client("hosts", "--json", terminal=True)
        two = Client("hosts", "--json", terminal=True)
        work = [asyncio.ensure_future(client.run(engine)) for client in (one, two)]
        await one.said(b"Passphrase: ")
        await two.said(b"Passphrase: ")
        one.typed(b"secret\n")
        await asyncio.gather(*work)

    assert b"answered elsewhere" in two.err
    assert [json.loads(client.out)[0]["state"] for client in (one, two)] == ["active", "active"]
    assert one.echoes == two.echoes == [False, True]
    assert b"secret" not in one.err + one.out


async def test_a_command_in_a_terminal_waits_for_what_was_left_for_later(farm: SSHFarm) -> None:
    farm.add("gpu01")
    encrypt(farm.client_key)
    async with engine_on(farm, watching=True) as engine:
        engine.later((await asked(engine)).id)
        client = Client("run", "-w", "gpu01", "--", "echo hi", terminal=True, typed=b"secret\n")
        code = await client.run(engine)

    assert (code, client.out) == (0, b"hi\n")


@pytest.mark.parametrize("typed", ["ctrl+d", "enter"])
async def test_nothing_typed_lets_the_others_go_on_and_ctrl_d_leaves_it_for_later(
    farm: SSHFarm, typed: str
) -> None:
    farm.add("gpu01")
    farm.add("shut")
    give_locked_key(farm, "shut")
    async with engine_on(farm) as engine:
        client = Client("hosts", "--json", terminal=True, typed=b"\n" if typed == "enter" else b"")
        client.at_end = typed == "ctrl+d"
        await client.run(engine)
        left = len(engine.questions)

    told = {host["host"]: host["state"] for host in json.loads(client.out)}
    assert told == {"gpu01": "active", "shut": "inactive"}
    assert (b"left for later" in client.err, left) == (typed == "ctrl+d", typed == "ctrl+d")


@pytest.mark.parametrize("screens", [0, 1])
async def test_a_script_is_told_what_would_help_and_waits_for_nobody(
    farm: SSHFarm, screens: int
) -> None:
    farm.add("gpu01")
    encrypt(farm.client_key)
    async with engine_on(farm) as engine:
        client = Client("run", "-w", "gpu01", "--", "true")
        with engine.presence.attach(Attached("pts/9")) if screens else contextlib.nullcontext():
            code = await client.run(engine)
        left = len(engine.questions)

    help_ = (
        b"lazytui attach" if screens else b"run this in a terminal, or use a key or an ssh-agent"
    )
    assert code == 3
    assert help_ in client.err
    assert left == screens


async def test_one_password_typed_at_the_terminal_may_be_for_all_that_ask(farm: SSHFarm) -> None:
    async with evil.password_only(SECRET) as one, evil.password_only(SECRET) as two:
        farm.add_odd("one", one)
        farm.add_odd("two", two)
        async with engine_on(farm) as engine:
            detecting = asyncio.ensure_future(engine.detect())
            await asked(engine, count=2)
            client = Client("hosts", terminal=True, typed=f"{SECRET}\ny\n".encode())
            await client.run(engine)
            await detecting

    assert b"The same for the other one that asks" in client.err
    for server in (one, two):
        assert [seen for seen in server.seen if seen != "connection"] == [f"password {SECRET}"]


async def test_a_secret_is_nowhere_but_in_memory(
    farm: SSHFarm, caplog: pytest.LogCaptureFixture
) -> None:
    farm.add("gpu01")
    caplog.set_level(0)
    async with evil.password_only(SECRET) as server:
        farm.add_odd("guarded", server)
        async with engine_on(farm, watching=True) as engine:
            question = await asked(engine)
            engine.reply(question.id, (SECRET,), remember=True)
            run = await start(engine, "gpu01", "env; echo done")
            await run.done.wait()
            assert run.record.state is RunState.SUCCEEDED
            processes = b"".join(
                path.read_bytes()
                for pattern in ("cmdline", "environ")
                for path in Path("/proc").glob(f"[0-9]*/{pattern}")
                if _readable(path)
            )
            async with asyncio.timeout(20):
                while not [seen for seen in server.seen if seen.startswith("password")]:
                    await asyncio.sleep(0.01)
        kept = b"".join(
            path.read_bytes()
            for folder in (paths_of(farm).state_dir, farm.root)
            for path in folder.rglob("*")
            if path.is_file()
        )

    assert SECRET not in repr(Reply((SECRET,)))
    assert SECRET not in repr(question)
    assert SECRET.encode() not in processes
    assert SECRET.encode() not in kept
    assert SECRET not in caplog.text


def _readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:  # it has ended
        return False
    return True
