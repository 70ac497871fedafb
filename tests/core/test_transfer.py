"""Files to hosts and from hosts: what arrives, what is skipped, what goes on after a break."""

from __future__ import annotations

import os
import random
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui.core.events import TransferMoved
from lazytui.core.model import RunState
from lazytui.core.task import RuntimeTask
from tests.disks import fill, small_disk
from tests.engines import ended, engine_on, output

if TYPE_CHECKING:
    from lazytui.core.engine import Engine
    from lazytui.core.model import RunRecord
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd

BIG = 3_000_000
ODD_NAMES = (
    b"a b",
    b"new\nline",
    b"-rf",
    b"quo'te\"s",
    b"\xff\xfe",
    b"$(id)",
    b"n" * 255,
    b"\xe2\x80\xae",
    b"twin",
    b"Twin",
)


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def make_tree(root: Path) -> Path:
    """A folder with a bit of everything that can be sent."""
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "empty folder").mkdir()
    (root / "empty").write_bytes(b"")
    (root / "small").write_bytes(b"hello\n")
    (root / "sub" / "deep" / "big").write_bytes(noise(BIG))
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    (root / "sub" / "link").symlink_to("../small")
    (root / "dangling").symlink_to("/nowhere/at/all")
    (root / "loop").symlink_to(".")
    for name in ODD_NAMES:
        Path(os.fsdecode(os.fsencode(root) + b"/sub/" + name)).write_bytes(name)
    os.utime(root / "small", ns=(1_600_000_000_123_456_789,) * 2)
    os.utime(root / "sub", ns=(1_500_000_000_000_000_001,) * 2)
    return root


def facts(root: Path) -> dict[str, tuple[object, ...]]:
    """What a tree consists of: kinds, modes, times, contents, targets of links."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        at = path.lstat()
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_dir():
            found[name] = ("folder", at.st_mode, at.st_mtime_ns)
        else:
            found[name] = ("file", at.st_mode, at.st_mtime_ns, path.read_bytes())
    return found


async def send(
    engine: Engine, local: Path, host: str, remote: str | None = None, **more: bool
) -> RunRecord:
    (run,) = await engine.send(str(local), [host], remote, **more)
    return await ended(run)


async def get(engine: Engine, remote: str, host: str, local: Path | str, **more: bool) -> RunRecord:
    (run,) = await engine.get(remote, [host], str(local), **more)
    return await ended(run)


def text(record: RunRecord) -> str:
    return Path(record.spool).read_text()


def leftovers(root: Path) -> list[Path]:
    return list(root.rglob("*.part"))


async def test_a_file_is_sent_with_its_mode_and_time(farm: SSHFarm, tmp_path: Path) -> None:
    host = farm.add("gpu01")
    file = tmp_path / "data.bin"
    file.write_bytes(noise(BIG))
    file.chmod(0o640)
    os.utime(file, ns=(1_600_000_000_123_456_789,) * 2)

    async with engine_on(farm) as engine:
        record = await send(engine, file, "gpu01")

    arrived = host.home / "data.bin"
    assert record.state is RunState.SUCCEEDED
    assert arrived.read_bytes() == file.read_bytes()
    assert arrived.stat().st_mode & 0o7777 == 0o640
    assert arrived.stat().st_mtime_ns == 1_600_000_000_123_456_789
    assert "1 file, 2.9M" in text(record)
    assert leftovers(host.home) == []


async def test_a_folder_arrives_as_it_is_with_every_name_and_link(
    farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01")
    tree = make_tree(tmp_path / "tree")

    async with engine_on(farm) as engine:
        record = await send(engine, tree, "gpu01", "data/tree")

    assert record.state is RunState.SUCCEEDED
    assert facts(host.home / "data" / "tree") == facts(tree)
    assert leftovers(host.home) == []


async def test_a_folder_comes_back_as_it_is(farm: SSHFarm, tmp_path: Path) -> None:
    host = farm.add("gpu01")
    make_tree(host.home / "tree")
    (tmp_path / "here").mkdir()

    async with engine_on(farm) as engine:
        record = await get(engine, "tree", "gpu01", tmp_path / "here")

    assert record.state is RunState.SUCCEEDED, record.reason
    assert facts(tmp_path / "here" / "tree") == facts(host.home / "tree")
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("way", ["send", "get"])
async def test_what_is_unchanged_is_not_moved_again(
    way: str, farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01")
    here, there = tmp_path / "tree", host.home / "tree"
    make_tree(here if way == "send" else there)

    async with engine_on(farm) as engine:

        async def once() -> RunRecord:
            if way == "send":
                return await send(engine, here, "gpu01")
            return await get(engine, "tree", "gpu01", f"{tmp_path}/")

        await once()
        (there if way == "send" else here).joinpath("small").chmod(0o600)
        again = await once()
        (here if way == "send" else there).joinpath("small").write_bytes(b"other\n")
        changed = await once()

    assert "0 files, 0B" in text(again)
    assert "1 file, 6B" in text(changed)
    assert facts(here) == facts(there)


async def test_contents_are_compared_when_that_is_asked_for(farm: SSHFarm, tmp_path: Path) -> None:
    host = farm.add("gpu01")
    tree = make_tree(tmp_path / "tree")
    async with engine_on(farm) as engine:
        await send(engine, tree, "gpu01")
        forged = host.home / "tree" / "sub" / "deep" / "big"
        at = forged.stat()
        forged.write_bytes(noise(BIG, 2))
        os.utime(forged, ns=(at.st_atime_ns, at.st_mtime_ns))

        trusting = await send(engine, tree, "gpu01")
        sure = await send(engine, tree, "gpu01", checksum=True)

    assert "0 files" in text(trusting)
    assert "1 file, 2.9M" in text(sure)
    assert facts(host.home / "tree") == facts(tree)


async def test_what_is_no_file_is_listed_as_skipped(farm: SSHFarm, tmp_path: Path) -> None:
    farm.add("gpu01")
    tree = tmp_path / "tree"
    tree.mkdir()
    os.mkfifo(tree / "fifo")
    with socket.socket(socket.AF_UNIX) as sock:
        os.chdir(tree)
        sock.bind("sock")

    async with engine_on(farm) as engine:
        record = await send(engine, tree, "gpu01")
        alone = await send(engine, tree / "fifo", "gpu01")

    assert record.state is RunState.SUCCEEDED
    assert "2 skipped" in text(record)
    assert "skipped: fifo: a FIFO" in text(record)
    assert alone.state is RunState.FAILED
    assert alone.reason.endswith("fifo is a FIFO, not a file or folder")


@pytest.mark.parametrize("way", ["send", "get"])
async def test_what_is_not_there_is_said_in_words(way: str, farm: SSHFarm, tmp_path: Path) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        record = await (
            send(engine, tmp_path / "none", "gpu01")
            if way == "send"
            else get(engine, "none", "gpu01", tmp_path)
        )

    assert record.state is RunState.FAILED
    assert record.reason.endswith("none: No such file or directory")


async def test_a_full_disk_is_known_before_the_first_byte(farm: SSHFarm, tmp_path: Path) -> None:
    farm.add("gpu01")
    file = tmp_path / "big"
    file.write_bytes(noise(BIG))
    with small_disk(tmp_path / "disk", "1m") as disk:
        async with engine_on(farm) as engine:
            record = await send(engine, file, "gpu01", f"{disk}/")
            back = await send(engine, file, "gpu01")
            here = await get(engine, "big", "gpu01", f"{disk}/")
        left = list(disk.iterdir())

    assert back.state is RunState.SUCCEEDED
    for each in (record, here):
        assert each.state is RunState.FAILED
        assert f"no space at {disk}/big: 2.9M more are needed, 1.0M are free" in each.reason
    assert left == []


@pytest.mark.parametrize("way", ["send", "get"])
async def test_a_disk_that_fills_up_meanwhile_leaves_nothing_behind(
    way: str, farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01")
    file = (tmp_path if way == "send" else host.home) / "sparse"
    with file.open("wb") as stream:
        stream.truncate(200_000_000)
    with small_disk(tmp_path / "disk", "256m") as disk:
        async with engine_on(farm) as engine:
            (run,) = await getattr(engine, way)(str(file), ["gpu01"], f"{disk}/")
            with engine.events.subscribe() as events:
                while not leftovers(disk):
                    await events.drain()
            fill(disk)
            record = await ended(run)
        left = [path.name for path in disk.iterdir()]

    assert record.state is RunState.FAILED
    assert record.reason == f"no space at {disk}/sparse"
    assert left == ["ballast"]


async def test_one_unreadable_file_does_not_keep_the_others(farm: SSHFarm, tmp_path: Path) -> None:
    host = farm.add("gpu01")
    tree = make_tree(tmp_path / "tree")
    blocked = host.home / "tree" / "small"
    blocked.mkdir(parents=True)  # a folder where a file is to be

    async with engine_on(farm) as engine:
        record = await send(engine, tree, "gpu01")

    assert record.state is RunState.FAILED
    assert record.reason == "small: a folder is in the way"
    assert (host.home / "tree" / "sub" / "deep" / "big").read_bytes() == noise(BIG)


async def test_a_link_on_the_host_is_never_written_through(farm: SSHFarm, tmp_path: Path) -> None:
    host = farm.add("gpu01")
    outside = tmp_path / "outside"
    outside.mkdir()
    tree = make_tree(tmp_path / "tree")
    (host.home / "tree").mkdir()
    (host.home / "tree" / "sub").symlink_to(outside)

    async with engine_on(farm) as engine:
        record = await send(engine, tree, "gpu01")

    assert record.state is RunState.FAILED
    assert "sub: a link or file is in the way of a folder" in record.reason
    assert list(outside.iterdir()) == []
    assert (host.home / "tree" / "small").exists()


async def test_a_transfer_that_is_cut_goes_on_where_it_was(farm: SSHFarm, tmp_path: Path) -> None:
    host = farm.add("gpu01")
    file = tmp_path / "big"
    file.write_bytes(noise(60_000_000))

    async with engine_on(farm) as engine:
        (run,) = await engine.send(str(file), ["gpu01"])
        with engine.events.subscribe() as events:
            while not any(path.stat().st_size > 8_000_000 for path in leftovers(host.home)):
                await events.drain()
        final_while_moving = (host.home / "big").exists()
        host.kill_sessions()
        record = await ended(run)

    assert not final_while_moving
    assert record.state is RunState.SUCCEEDED
    assert (host.home / "big").read_bytes() == file.read_bytes()
    assert leftovers(host.home) == []
    assert "1 file" in text(record)
    assert "57M" not in text(record)  # less than the whole was sent the second time


async def test_a_stopped_get_goes_on_at_the_next_request(farm: SSHFarm, tmp_path: Path) -> None:
    host = farm.add("gpu01")
    (host.home / "big").write_bytes(noise(60_000_000))

    async with engine_on(farm) as engine:
        (run,) = await engine.get("big", ["gpu01"], f"{tmp_path}/here/")
        with engine.events.subscribe() as events:
            while not any(path.stat().st_size > 8_000_000 for path in leftovers(tmp_path)):
                await events.drain()
        await engine.stop_run(run.run_id)
        stopped = await ended(run)
        final_when_stopped = (tmp_path / "here" / "big").exists()
        again = await get(engine, "big", "gpu01", f"{tmp_path}/here/")

    assert stopped.state is RunState.CANCELLED
    assert not final_when_stopped
    assert again.state is RunState.SUCCEEDED
    assert (tmp_path / "here" / "big").read_bytes() == noise(60_000_000)
    assert "57M" not in text(again)


async def test_a_file_that_changes_while_it_is_sent_is_said_to(
    farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01")
    file = tmp_path / "log"
    file.write_bytes(noise(100_000_000))

    async with engine_on(farm) as engine:
        (run,) = await engine.send(str(file), ["gpu01"])
        with engine.events.subscribe() as events:
            while not leftovers(host.home):
                await events.drain()
        with file.open("ab") as stream:
            stream.write(b"more")
        record = await ended(run)

    assert record.state is RunState.FAILED
    assert record.reason == "log: changed while it was sent"
    assert not (host.home / "log").exists()


async def test_gets_from_several_hosts_land_in_a_folder_for_each(
    farm: SSHFarm, tmp_path: Path
) -> None:
    for name in ("gpu01", "gpu02"):
        (farm.add(name).home / "log").write_text(name)

    async with engine_on(farm) as engine:
        runs = await engine.get("log", ["gpu01", "gpu02"], str(tmp_path))
        records = [await ended(run) for run in runs]

    assert [record.state for record in records] == [RunState.SUCCEEDED] * 2
    assert (tmp_path / "gpu01" / "log").read_text() == "gpu01"
    assert (tmp_path / "gpu02" / "log").read_text() == "gpu02"


async def test_progress_is_told_while_files_move(farm: SSHFarm, tmp_path: Path) -> None:
    farm.add("gpu01")
    file = tmp_path / "big"
    file.write_bytes(noise(60_000_000))
    seen = []

    async with engine_on(farm) as engine:
        with engine.events.subscribe() as events:
            (run,) = await engine.send(str(file), ["gpu01"])
            while not run.done.is_set():
                for event in await events.drain():
                    if isinstance(event, TransferMoved):
                        seen.append(engine.transfers.get(event.run_id))

    assert {one.phase for one in seen if one} >= {"comparing", "moving", "over"}
    half = [one for one in seen if one and 0 < one.done < one.total]
    assert half
    assert all(one.total == 60_000_000 and one.sends and one.host == "gpu01" for one in half)


async def test_files_and_commands_are_steps_of_one_task(farm: SSHFarm, tmp_path: Path) -> None:
    host = farm.add("gpu01")
    (tmp_path / "in.txt").write_text("b\na\n")
    task = RuntimeTask().send_file(tmp_path / "in.txt").run_command("sort in.txt > out.txt")
    task.get_file("out.txt", tmp_path)

    async with engine_on(farm) as engine:
        (run,) = await engine.start_runs(task, ["gpu01"])
        record = await ended(run)

    assert record.state is RunState.SUCCEEDED, record.reason
    assert (tmp_path / "out.txt").read_text() == "a\nb\n"
    assert (host.home / "in.txt").exists()
    assert output(run).count(b"1 file, 4B") == 2
