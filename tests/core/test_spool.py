"""Spools: every byte once, at its offset, whatever the disk does; the loop never waits for it."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lazytui.core import spool as spool_module
from lazytui.core.spool import SpoolWriter
from lazytui.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Told:
    """What a writer reported."""

    def __init__(self) -> None:
        self.growth: list[tuple[str, int, int]] = []
        self.trouble: list[str] = []
        self.changed = asyncio.Event()

    def writer(self, folder: Path, retry_s: float = 0.02) -> SpoolWriter:
        return SpoolWriter(folder, on_growth=self.grew, on_trouble=self.troubled, retry_s=retry_s)

    def grew(self, run_id: str, size: int, new: int) -> None:
        self.growth.append((run_id, size, new))
        self.changed.set()

    def troubled(self, text: str) -> None:
        self.trouble.append(text)
        self.changed.set()

    async def until_trouble(self, count: int) -> None:
        while len(self.trouble) < count:
            self.changed.clear()
            await self.changed.wait()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 64 KiB."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small file system")
    disk = tmp_path / "small"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount: {mounted.stderr.decode()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


async def test_output_reaches_the_file_and_growth_is_told(tmp_path: Path) -> None:
    told = Told()
    async with told.writer(tmp_path) as writer:
        assert await writer.size("a") == 0

        writer.write("a", 0, b"hello ")
        writer.write("a", 6, b"world\n")
        await writer.flush("a")

        assert writer.path("a").read_bytes() == b"hello world\n"
        assert told.growth[-1][:2] == ("a", 12)
        assert sum(new for _, _, new in told.growth) == 12
        assert writer.queued("a") == 0


async def test_a_spool_is_readable_by_the_user_only(tmp_path: Path) -> None:
    async with Told().writer(tmp_path) as writer:
        await writer.size("a")
        writer.write("a", 0, b"x")

    assert stat.S_IMODE(writer.path("a").stat().st_mode) == 0o600


async def test_the_length_of_the_file_is_the_offset_to_read_on_from(tmp_path: Path) -> None:
    async with Told().writer(tmp_path) as first:
        await first.size("a")
        first.write("a", 0, b"0123")

    async with Told().writer(tmp_path) as second:
        assert await second.size("a") == 4
        second.write("a", 4, b"4567")

    assert second.path("a").read_bytes() == b"01234567"


async def test_output_that_is_there_already_is_written_once(tmp_path: Path) -> None:
    told = Told()
    async with told.writer(tmp_path) as writer:
        await writer.size("a")
        writer.write("a", 0, b"0123")
        writer.write("a", 0, b"01")
        writer.write("a", 2, b"2345")
        await writer.flush("a")

        assert writer.path("a").read_bytes() == b"012345"
        assert told.growth[-1][1] == 6


async def test_output_whose_beginning_is_missing_is_refused(tmp_path: Path) -> None:
    async with Told().writer(tmp_path) as writer:
        await writer.size("a")
        writer.write("a", 0, b"0123")

        with pytest.raises(SpoolError, match="at byte 5, expected 4"):
            writer.write("a", 5, b"5")
        with pytest.raises(SpoolError):
            writer.write("unknown", 1, b"5")

        await writer.flush("a")
        assert writer.path("a").read_bytes() == b"0123"


async def test_asking_the_size_waits_for_what_is_queued(tmp_path: Path) -> None:
    async with Told().writer(tmp_path) as writer:
        await writer.size("a")
        for i in range(3000):  # more blocks than one call of the system takes
            writer.write("a", i, b"x")

        assert await writer.size("a") == 3000


async def test_closing_writes_what_is_queued(tmp_path: Path) -> None:
    async with Told().writer(tmp_path) as writer:
        for name in ("a", "b"):
            await writer.size(name)
            writer.write(name, 0, bytes(5_000_000))

    assert [writer.path(name).stat().st_size for name in ("a", "b")] == [5_000_000] * 2
    with pytest.raises(SpoolError, match="ending"):
        writer.write("a", 5_000_000, b"x")


async def test_more_runs_than_open_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "_OPEN_FILES", 4)
    before = len(os.listdir("/proc/self/fd"))
    async with Told().writer(tmp_path) as writer:
        for i in range(40):
            await writer.size(f"run{i}")
        for part in range(3):
            for i in range(40):
                writer.write(f"run{i}", part, b"x")
            await asyncio.gather(*(writer.flush(f"run{i}") for i in range(40)))
            assert len(os.listdir("/proc/self/fd")) <= before + 8

    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"xxx"}
    assert len(list(tmp_path.iterdir())) == 40


async def test_a_forgotten_run_keeps_no_file_open(tmp_path: Path) -> None:
    def is_open() -> bool:
        links = (f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd"))
        return str(writer.path("a")) in {
            os.readlink(link) for link in links if os.path.lexists(link)
        }

    async with Told().writer(tmp_path) as writer:
        await writer.size("a")
        await writer.size("b")
        writer.write("a", 0, b"x")
        await writer.flush("a")
        assert is_open()

        writer.forget("a")
        writer.write("b", 0, b"x")  # the thread goes in order: after this "a" is closed
        await writer.flush("b")

        assert not is_open()


async def test_a_spool_removed_by_somebody_begins_anew(tmp_path: Path) -> None:
    async with Told().writer(tmp_path) as writer:
        await writer.size("a")
        writer.write("a", 0, b"0123")
        await writer.flush("a")
        writer.path("a").unlink()

        assert await writer.size("a") == 0
        writer.write("a", 0, b"01234567")
        await writer.flush("a")

        assert writer.path("a").read_bytes() == b"01234567"


async def test_a_full_disk_loses_nothing_and_says_so_once(small_disk: Path) -> None:
    told = Told()
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(32 * 1024))
    data = os.urandom(40 * 1024)
    async with told.writer(small_disk) as writer:
        await writer.size("a")
        for offset in range(0, len(data), 1000):
            writer.write("a", offset, data[offset : offset + 1000])
        await told.until_trouble(1)
        on_disk = writer.path("a").read_bytes()
        assert on_disk == data[: len(on_disk)]
        assert 0 < len(on_disk) < len(data)
        assert writer.queued("a") == len(data) - len(on_disk)

        ballast.unlink()
        await writer.flush("a")
        await told.until_trouble(2)

        assert writer.path("a").read_bytes() == data
        assert "No space left" in told.trouble[0]
        assert "is saved" in told.trouble[1]
        assert len(told.trouble) == 2
        assert sum(new for _, _, new in told.growth) == len(data)


async def test_one_run_on_a_full_disk_does_not_stop_growth_from_being_told_when_it_is_freed(
    small_disk: Path,
) -> None:
    told = Told()
    async with told.writer(small_disk) as writer:
        for name in ("a", "b"):
            await writer.size(name)
            writer.write(name, 0, bytes(60 * 1024))
        await told.until_trouble(1)
        waiting = [asyncio.ensure_future(writer.flush(name)) for name in ("a", "b")]

        subprocess.run(["mount", "-o", "remount,size=1m", small_disk], check=True)
        await asyncio.gather(*waiting)

        assert writer.path("a").stat().st_size == 60 * 1024
        assert writer.path("b").stat().st_size == 60 * 1024


async def test_closing_on_a_full_disk_ends_and_tells_who_waits(small_disk: Path) -> None:
    told = Told()
    async with told.writer(small_disk, retry_s=3600) as writer:
        await writer.size("a")
        writer.write("a", 0, bytes(100 * 1024))
        await told.until_trouble(1)
        waiting = asyncio.ensure_future(writer.flush("a"))
        await asyncio.sleep(0)

    with pytest.raises(SpoolError, match="No space left"):
        await waiting
    assert 0 < writer.path("a").stat().st_size <= 64 * 1024


async def test_a_missing_folder_is_waited_for(tmp_path: Path) -> None:
    told = Told()
    folder = tmp_path / "later"
    async with told.writer(folder) as writer:
        await writer.size("a")
        writer.write("a", 0, b"kept")
        await told.until_trouble(1)

        folder.mkdir()
        await writer.flush("a")

    assert (folder / "a.log").read_bytes() == b"kept"


async def test_a_cancelled_flush_harms_nobody(tmp_path: Path) -> None:
    async with Told().writer(tmp_path) as writer:
        await writer.size("a")
        writer.write("a", 0, bytes(1_000_000))
        flush = asyncio.ensure_future(writer.flush("a"))
        await asyncio.sleep(0)
        flush.cancel()

        await writer.flush("a")

        assert writer.path("a").stat().st_size == 1_000_000


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 100))))
def test_pieces_in_any_order_never_make_another_file(
    tmp_path: Path, data: bytes, pieces: list[tuple[int, int]]
) -> None:
    async def write_all() -> int:
        async with Told().writer(tmp_path) as writer:
            writer.path("a").unlink(missing_ok=True)
            end = await writer.size("a")
            for offset, length in pieces:
                piece = data[offset : offset + length]
                try:
                    writer.write("a", offset, piece)
                except SpoolError:
                    assert offset > end
                    continue
                end = max(end, offset + len(piece))
            assert await writer.size("a") == end
        return end

    end = asyncio.run(write_all())

    path = tmp_path / "a.log"
    assert (path.read_bytes() if path.exists() else b"") == data[:end]
