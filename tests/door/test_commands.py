"""Command lines that a running engine carries out: the same answers as without one."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING

import pytest

from lazytui.core.journal import read_journal
from lazytui.core.model import RunState
from tests.door.clients import Client
from tests.engines import engine_on, lazytui, paths_of, start

if TYPE_CHECKING:
    from tests.sshd import SSHFarm

WORDS = [
    ("hosts", "--offline"),
    ("hosts", "--offline", "--json"),
    ("hosts", "nowhere"),
    ("run", "-w", "gpu[01-02]", "-b", "--", "echo", "same; exit 3"),
    ("run", "-w", "gpu01", "--maxrc", "--", "printf 'a\\0\\377'; echo no >&2; exit 7"),
    ("run", "-w", "gpu01", "--"),
    ("run", "-w", "gpu01", "--dry-run", "--", "true"),
    ("groups",),
    ("logs", "41"),
    ("stop", "41"),
    ("tasks", "-n", "nonsense"),
    ("no-such-command",),
    ("run", "--help"),
]


@pytest.fixture
def two(farm: SSHFarm) -> SSHFarm:
    farm.add("gpu01")
    farm.add("gpu02")
    return farm


async def by_itself(farm: SSHFarm, *words: str) -> tuple[int, bytes, bytes]:
    done = await asyncio.to_thread(lazytui, farm, "-F", str(farm.config), *words)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
async def test_the_answer_is_byte_for_byte_that_of_a_command_by_itself(
    two: SSHFarm, words: tuple[str, ...]
) -> None:
    alone = await by_itself(two, *words)

    async with engine_on(two) as engine:
        client = Client(*words)
        code = await client.run(engine)

    assert (code, bytes(client.out), bytes(client.err)) == alone


async def test_hosts_are_told_without_connecting_again(two: SSHFarm) -> None:
    async with engine_on(two) as engine:
        await engine.detect()
        client = Client("hosts", "--json")
        code = await client.run(engine)

    told = json.loads(client.out)
    assert code == 0
    assert [(host["host"], host["state"]) for host in told] == [
        ("gpu01", "active"),
        ("gpu02", "active"),
    ]


async def test_a_host_that_was_down_a_while_ago_is_tried_again(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lazytui.commands.hosts.FRESH_S", 0.0)
    host = farm.add("gpu01")
    host.stop()
    async with engine_on(farm) as engine:
        await engine.detect()
        host.start()
        client = Client("hosts", "--json")
        await client.run(engine)

    assert json.loads(client.out)[0]["state"] == "active"


async def test_what_a_command_line_starts_is_noted_as_a_command_lines(two: SSHFarm) -> None:
    async with engine_on(two) as engine:
        await Client("run", "-w", "gpu01", "--", "true").run(engine)
        await start(engine, "gpu01", "true")
        lines = await engine.audit(10)

    assert [line.who.partition(" ")[2] for line in lines] == ["(script)", "(command line)"]
    paths = paths_of(two)
    with read_journal(paths.journal, paths.spool_dir) as journal:
        assert journal is not None
        assert {journal.task(n).origin for n in (1, 2)} == {"script", "command line"}


async def test_ctrl_c_goes_to_the_command_on_the_host(two: SSHFarm) -> None:
    async with engine_on(two) as engine:
        client = Client(
            "run", "-w", "gpu01", "--", "trap 'echo told; exit 9' INT; echo on; sleep 60 & wait"
        )
        work = asyncio.ensure_future(client.run(engine))
        await client.said(b"on\n")
        assert client.on_signal is not None
        client.on_signal("INT")
        code = await work

    assert code == 130
    assert bytes(client.out) == b"on\ntold\n"
    assert b"interrupt sent to 1 run;" in client.err


async def test_ctrl_c_ends_what_is_only_waiting(two: SSHFarm) -> None:
    async with engine_on(two) as engine:
        run = await start(engine, "gpu01", "echo begun; sleep 60")
        client = Client("logs", run.run_id, "-f")
        work = asyncio.ensure_future(client.run(engine))
        await client.said(b"begun\n")
        assert client.on_signal is not None
        client.on_signal("INT")

        assert await work == 130
        assert run.record.state is RunState.RUNNING
        await engine.stop_run(run.run_id, "KILL")
        await run.done.wait()


async def test_a_run_goes_on_when_its_client_is_gone(two: SSHFarm) -> None:
    async with engine_on(two) as engine:
        client = Client("run", "-w", "gpu01", "--", "echo on; read x < go; echo $x")
        go = two.root / "hosts" / "gpu01" / "home" / "go"
        os.mkfifo(go)
        work = asyncio.ensure_future(client.run(engine))
        await client.said(b"on\n")
        work.cancel()
        await asyncio.wait((work,))

        (record,) = await engine.journal.records(limit=1)
        await asyncio.to_thread(go.write_text, "further\n")
        live = engine.runs.live(record.run_id)
        assert live is not None
        await live.done.wait()
        assert live.record.state is RunState.SUCCEEDED


async def test_a_client_that_does_not_read_costs_a_bounded_amount(two: SSHFarm) -> None:
    async with engine_on(two) as engine:
        run = await start(engine, "gpu01", "head -c 30000000 /dev/zero | tr '\\0' 'x'")
        await run.done.wait()
        client = Client("logs", run.run_id)
        client.reading.clear()
        work = asyncio.ensure_future(client.run(engine))
        await client.waits.wait()
        held = len(client.out)
        client.reading.set()

        assert await work == 0
    assert held <= 1 << 20
    assert len(client.out) == 30_000_000


async def test_a_question_is_asked_on_the_clients_terminal(farm: SSHFarm) -> None:
    farm.add("gpu01", known=False)
    async with engine_on(farm) as engine:
        client = Client("hosts", "--json", terminal=True, typed=b"a\n")
        code = await client.run(engine)

    assert code == 0
    assert b"gpu01" in client.err
    assert json.loads(client.out)[0]["state"] == "active"


async def test_a_script_waits_for_nobody_where_no_screen_is_attached(farm: SSHFarm) -> None:
    farm.add("gpu01", known=False)
    async with engine_on(farm) as engine:
        client = Client("hosts", "--json")
        await client.run(engine)

    told = json.loads(client.out)[0]
    assert (told["state"], "host key" in told["reason"]) == ("inactive", True), told


async def test_a_question_that_a_screen_answers_is_taken_back(farm: SSHFarm) -> None:
    farm.add("gpu01", known=False)
    async with engine_on(farm) as engine:
        client = Client("hosts", "--json", terminal=True)
        work = asyncio.ensure_future(client.run(engine))
        await client.said(b"accept and save")
        engine.answer(engine.questions[0].id, "a")
        await work

    assert b"answered elsewhere" in client.err
    assert json.loads(client.out)[0]["state"] == "active"


async def test_help_is_as_wide_as_the_clients_terminal(two: SSHFarm) -> None:
    async with engine_on(two) as engine:
        narrow, wide = (
            Client("run", "-h", terminal=True, size=(40, 9)),
            Client("run", "-h", terminal=True, size=(200, 9)),
        )
        assert await narrow.run(engine) == await wide.run(engine) == 0

    assert len(narrow.out.splitlines()) > len(wide.out.splitlines())
    assert max(map(len, wide.out.splitlines())) > 100


async def test_text_is_written_as_the_clients_locale_says(two: SSHFarm) -> None:
    async with engine_on(two) as engine:
        latin = Client("hosts", environ={"LANG": "de_DE.ISO-8859-1"})
        await latin.run(engine)

    assert b"? active" in latin.out
