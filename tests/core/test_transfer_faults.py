"""What breaks, vanishes or lies while files move: half of a file is never seen, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from lazytui.core.model import RunState
from lazytui.core.transfer import fetch
from tests.core.test_transfer import get, leftovers, noise, text
from tests.engines import QUICK, ended, engine_on, lazytui_started
from tests.evil_mover import LIES, evil_python

if TYPE_CHECKING:
    from pathlib import Path

    from lazytui.core.engine import Engine
    from lazytui.core.live_run import LiveRun
    from lazytui.core.model import RunRecord
    from tests.sshd import SSHFarm, SSHHost

pytestmark = pytest.mark.sshd

BIG = 60_000_000
MIB = 1 << 20


async def begun(engine: Engine, root: Path, size: int = 8_000_000) -> None:
    """Wait until so much of a file has been written below a folder, under its temporary name."""
    async with asyncio.timeout(60):
        with engine.events.subscribe() as events:
            while not any(path.stat().st_size > size for path in leftovers(root)):
                await events.drain()


def programs(host: SSHHost) -> list[psutil.Process]:
    """What we run on a host now: its agent, then the programs for files, the oldest first."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or ())
        with contextlib.suppress(psutil.Error):
            if "sys.stdin.buffer.read(" in words and _home(process) == str(host.home):
                found.append(process)
    return sorted(found, key=lambda process: process.create_time())


def agent_of(host: SSHHost) -> psutil.Process:
    """The agent on a host."""
    return programs(host)[0]


def _home(process: psutil.Process) -> str:
    return process.environ().get("HOME", "")


# --- what breaks -----------------------------------------------------------------------------


async def test_a_get_that_is_cut_goes_on_where_it_was(farm: SSHFarm, tmp_path: Path) -> None:
    host = farm.add("gpu01")
    (host.home / "big").write_bytes(noise(BIG))

    async with engine_on(farm) as engine:
        (run,) = await engine.get("big", ["gpu01"], f"{tmp_path}/here/")
        await begun(engine, tmp_path)
        final_while_moving = (tmp_path / "here" / "big").exists()
        host.kill_sessions()
        record = await ended(run)

    assert not final_while_moving
    assert record.state is RunState.SUCCEEDED
    assert (tmp_path / "here" / "big").read_bytes() == noise(BIG)
    assert leftovers(tmp_path) == []
    assert "57M" not in text(record)  # less than the whole came the second time


async def test_a_program_for_files_that_is_killed_on_its_host_is_started_again(
    farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01")
    file = tmp_path / "big"
    file.write_bytes(noise(BIG))

    async with engine_on(farm) as engine:
        (run,) = await engine.send(str(file), ["gpu01"])
        await begun(engine, host.home)
        for process in programs(host)[1:]:
            process.send_signal(signal.SIGKILL)
        record = await ended(run)

    assert record.state is RunState.SUCCEEDED
    assert (host.home / "big").read_bytes() == noise(BIG)
    assert leftovers(host.home) == []


@pytest.mark.parametrize("way", ["send", "get"])
async def test_a_manager_killed_in_the_middle_leaves_a_transfer_that_the_next_one_ends(
    way: str, farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01")
    here, there = tmp_path / "big", host.home / "big"
    source, target = (here, there) if way == "send" else (there, here)
    source.write_bytes(noise(2 * BIG))
    words = [str(here)] if way == "send" else ["big", str(tmp_path)]

    with lazytui_started(farm, way, *words, "-w", "gpu01") as owner:
        while not any(path.stat().st_size > 8_000_000 for path in leftovers(target.parent)):
            assert owner.poll() is None
            await asyncio.sleep(0.005)
        owner.kill()
    final_when_killed = target.exists()
    async with engine_on(farm) as engine:
        (run,) = await engine.adopt()
        record = await ended(run)

    assert not final_when_killed
    assert record.state is RunState.SUCCEEDED, record.reason
    assert target.read_bytes() == source.read_bytes()
    assert leftovers(target.parent) == []
    assert "114M" not in text(record)  # less than the whole


async def stopped_then_again(engine: Engine, run: LiveRun) -> RunRecord:
    """Stop a transfer, and let it go on in another run; gives that run at its end."""
    await engine.stop_run(run.run_id, "INT")
    await ended(run)
    (again,) = await engine.start_again(run.record.task_id, [run.record.host])
    return await ended(again)


async def nothing_left(root: Path) -> None:
    async with asyncio.timeout(20):
        while leftovers(root):
            await asyncio.sleep(0.02)


async def test_a_transfer_that_was_stopped_while_its_host_stood_still_leaves_nothing(
    farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01")
    file = tmp_path / "big"
    file.write_bytes(noise(BIG))

    async with engine_on(farm) as engine:
        (run,) = await engine.send(str(file), ["gpu01"])
        await begun(engine, host.home)
        host.pause()
        going_on = asyncio.ensure_future(stopped_then_again(engine, run))
        while engine.runs.records(2)[0].task_id == run.record.task_id:
            await asyncio.sleep(0.01)
        host.resume()
        record = await going_on
        await nothing_left(host.home)

    assert record.state is RunState.SUCCEEDED, record.reason
    assert (host.home / "big").read_bytes() == noise(BIG)


@pytest.mark.parametrize("tree", [False, True], ids=["file", "folder"])
async def test_a_program_for_files_that_slept_through_the_end_of_its_transfer_tidies_up(
    farm: SSHFarm, tmp_path: Path, tree: bool
) -> None:
    host = farm.add("gpu01")
    source = tmp_path / "big"
    if tree:
        source.mkdir()
    (source / "in" if tree else source).write_bytes(noise(BIG))
    there = host.home / "big" / "in" if tree else host.home / "big"

    async with engine_on(farm) as engine:
        (run,) = await engine.send(str(source), ["gpu01"])
        if tree:
            async with asyncio.timeout(60):
                while not list(host.home.glob(".big*/.in*")):
                    await asyncio.sleep(0.005)
        else:
            await begun(engine, host.home, 0)
        _, old = programs(host)
        old.send_signal(signal.SIGSTOP)
        try:
            record = await stopped_then_again(engine, run)
            beside = leftovers(host.home)
        finally:
            old.send_signal(signal.SIGCONT)
        await nothing_left(host.home)

    assert record.state is RunState.SUCCEEDED, record.reason
    assert beside, "the old one had written nothing yet"
    assert there.read_bytes() == noise(BIG)


async def test_transfers_that_find_no_session_wait_for_their_turn(
    farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01", options=["MaxSessions 3"])
    for number in range(20):
        (tmp_path / f"file{number:02}").write_bytes(noise(100_000, number))

    async with engine_on(farm) as engine:
        runs = []
        for number in range(20):
            runs += await engine.send(str(tmp_path / f"file{number:02}"), ["gpu01"])
        states = {(await ended(run)).state for run in runs}

    assert states == {RunState.SUCCEEDED}
    assert host.connections() == 1
    assert all(
        (host.home / f"file{number:02}").read_bytes() == noise(100_000, number)
        for number in range(20)
    )


async def test_a_host_with_one_session_only_gives_another_for_files_on_a_second_connection(
    farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01", options=["MaxSessions 1"])
    (tmp_path / "file").write_bytes(noise(MIB))

    async with engine_on(farm) as engine:
        (run,) = await engine.send(str(tmp_path / "file"), ["gpu01"])
        record = await ended(run)
        still = engine.runtime("gpu01").agent

    assert record.state is RunState.SUCCEEDED, record.reason
    assert (host.home / "file").read_bytes() == noise(MIB)
    assert still is not None
    assert host.connections() == 2


# --- what changes or vanishes ----------------------------------------------------------------


@pytest.mark.parametrize("way", ["send", "get"])
async def test_files_that_vanish_meanwhile_are_named_and_the_others_arrive(
    way: str, farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01")
    here, there = tmp_path / "tree", host.home / "tree"
    source, target = (here, there) if way == "send" else (there, here)
    source.mkdir()
    (source / "a").write_bytes(noise(BIG))
    for name in ("b", "c", "d"):
        (source / name).write_text(name)

    async with engine_on(farm) as engine:
        (run,) = await (
            engine.send(str(here), ["gpu01"])
            if way == "send"
            else engine.get("tree", ["gpu01"], f"{tmp_path}/")
        )
        await begun(engine, target.parent, 0)
        (source / "c").unlink()
        (source / "d").unlink()
        os.mkfifo(source / "d")  # to open it for reading would wait for ever
        record = await ended(run)

    assert record.state is RunState.FAILED
    assert "c: No such file or directory" in text(record)
    assert "d: changed while it was sent" in text(record)
    assert sorted(path.name for path in target.iterdir()) == ["a", "b"]
    assert (target / "a").read_bytes() == noise(BIG)


async def test_a_folder_that_vanishes_while_it_is_sent_leaves_no_half_files(
    farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01")
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("a", "b"):
        (tree / name).write_bytes(noise(BIG))

    async with engine_on(farm) as engine:
        (run,) = await engine.send(str(tree), ["gpu01"])
        await begun(engine, host.home, 0)
        shutil.rmtree(tree)
        record = await ended(run)

    assert record.state is RunState.FAILED
    assert "b: No such file or directory" in text(record)
    there = [path for path in host.home.rglob("*") if path.is_file() and path.suffix != ".part"]
    assert all(path.read_bytes() == noise(BIG) for path in there if path.parent.name == "tree")


# --- who lies --------------------------------------------------------------------------------


REASONS = {  # what is said of each lie, or a part of it
    "climbs": "../evil is in no listed folder",
    "is absolute": "is in no listed folder",
    "goes through a link": "x/evil is in no listed folder",
    "swaps a folder": "x is listed twice",
    "lists without end": "a list of more than",
    "sends without end": "big is longer than listed",
    "claims a huge file": "no space at",
    "sends a huge record": "a record of 4294967295 bytes",
    "sends another file": "a file came that was not asked for",
    "ends too early": "1 files did not come",
    "babbles": "a record of 4294967295 bytes",
    "says escapes": "no",
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_host_that_lies_when_files_are_got_from_it_gets_nowhere(
    farm: SSHFarm, tmp_path: Path, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "LIST_BYTES", 8 * MIB)
    outside, here = tmp_path / "outside", tmp_path / "here"
    outside.mkdir()
    here.mkdir()
    farm.add("gpu01")
    python = evil_python(tmp_path / "python", lie, outside)
    settings = replace(QUICK, hosts={"gpu01": {"python": python}})
    this = psutil.Process()

    async with engine_on(farm, settings=settings) as engine:
        await engine.detect(["gpu01"])
        before = this.memory_info().rss
        record = await get(engine, "tree", "gpu01", f"{here}/")
        grown = this.memory_info().rss - before

    assert record.state is RunState.FAILED, lie
    assert REASONS[lie] in record.reason
    assert "\x1b" not in record.reason
    assert list(outside.iterdir()) == []
    assert not (here / "tree").exists()
    assert not (tmp_path / "evil").exists()
    assert grown < 60 * MIB


@pytest.mark.parametrize("lie", ["babbles", "lists without end", "says escapes", "ends too early"])
async def test_a_host_that_lies_when_files_are_sent_to_it_fails_alone(
    farm: SSHFarm, tmp_path: Path, lie: str
) -> None:
    farm.add("gpu01")
    honest = farm.add("gpu02")
    python = evil_python(tmp_path / "python", lie, tmp_path)
    settings = replace(QUICK, hosts={"gpu01": {"python": python}})
    file = tmp_path / "file"
    file.write_bytes(noise(MIB))

    async with engine_on(farm, settings=settings) as engine:
        runs = await engine.send(str(file), ["gpu01", "gpu02"])
        evil, good = [await ended(run) for run in runs]

    assert (evil.state, good.state) == (RunState.FAILED, RunState.SUCCEEDED)
    assert "\x1b" not in evil.reason
    assert (honest.home / "file").read_bytes() == noise(MIB)
