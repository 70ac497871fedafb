"""The times at which output arrived are kept beside the spool, and nothing depends on them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.core import arrivals
from lazytui.core.arrivals import RECORD, ArrivalTimes, ArrivalWriter, times_path
from tests.engines import ended, engine_on, start

if TYPE_CHECKING:
    from tests.sshd import SSHFarm


@pytest.fixture(autouse=True)
def spool(tmp_path: Path) -> Path:
    """The spool whose times are kept."""
    path = tmp_path / "run.log"
    path.touch()
    return path


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def times_of(folder: Path, run_id: str = "run") -> ArrivalTimes:
    times = ArrivalTimes(times_path(folder / f"{run_id}.log"))
    times.refresh()
    return times


async def test_a_byte_has_the_time_at_which_the_spool_grew_past_it(tmp_path: Path) -> None:
    clock = Clock()
    for size in (10, 20):
        async with ArrivalWriter(tmp_path, clock=clock) as writer:
            writer.note("run", size)
        clock.now += 60

    times = times_of(tmp_path)

    assert [times.at(offset) for offset in (0, 9, 10, 19, 20)] == [1000, 1000, 1060, 1060, None]


async def test_growth_within_a_moment_is_one_record(tmp_path: Path) -> None:
    async with ArrivalWriter(tmp_path) as writer:
        for size in range(1, 1000):
            writer.note("run", size)

    assert (tmp_path / "run.times").stat().st_size == RECORD.size


async def test_half_a_record_of_a_crash_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "run.times"
    path.write_bytes(RECORD.pack(10, 1_000_000) + b"half")

    async with ArrivalWriter(tmp_path, clock=Clock()) as writer:
        writer.note("run", 20)

    assert path.read_bytes() == RECORD.pack(10, 1_000_000) + RECORD.pack(20, 1_000_000)


async def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "MAX_RECORDS", 3)
    for size in range(1, 10):
        async with ArrivalWriter(tmp_path) as writer:
            writer.note("run", size)

    assert (tmp_path / "run.times").stat().st_size == 3 * RECORD.size


async def test_a_long_run_gets_fewer_records_but_its_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "_PACES", ((100, 3600.0),))
    monkeypatch.setattr(arrivals, "_WRITE_EVERY_S", 0.0)
    clock = Clock()
    clock.now = 5000.0
    path = tmp_path / "run.times"
    async with ArrivalWriter(tmp_path, clock=clock) as writer:
        early = writer._write({"run": (1, 5000.0)}) | writer._write({"run": (2, 5001.0)})
        assert early == {"run": (2, 5001.0)}
        assert path.stat().st_size == RECORD.size
        writer.note("run", 3)

    assert times_of(tmp_path).at(2) == 5000.0


async def test_a_folder_that_cannot_be_written_harms_nobody(tmp_path: Path) -> None:
    async with ArrivalWriter(tmp_path / "missing") as writer:
        writer.note("run", 1)

    assert times_of(tmp_path / "missing").at(0) is None


async def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"mine")
    os.symlink(target, tmp_path / "run.times")

    async with ArrivalWriter(tmp_path) as writer:
        writer.note("run", 1)

    assert target.read_bytes() == b"mine"


@given(data=st.binary(max_size=200))
def test_nonsense_gives_times_that_only_grow(data: bytes, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("times") / "run.times"
    path.write_bytes(data)
    times = ArrivalTimes(path)

    times.refresh()

    found = [times.at(offset) for offset in range(0, 2**40, 2**35)]
    known = [at for at in found if at is not None]
    assert known == sorted(known)


def test_new_records_are_read_on(tmp_path: Path) -> None:
    path = tmp_path / "run.times"
    path.write_bytes(RECORD.pack(10, 1000))
    times = times_of(tmp_path)
    with path.open("ab") as file:
        file.write(RECORD.pack(20, 2000))

    times.refresh()

    assert (times.at(5), times.at(15)) == (1.0, 2.0)


async def test_an_output_that_was_forgotten_gets_no_times(tmp_path: Path, spool: Path) -> None:
    async with ArrivalWriter(tmp_path) as writer:
        writer.note("run", 1)
        spool.unlink()

    assert list(tmp_path.iterdir()) == []


async def test_lines_of_a_real_run_have_the_times_at_which_they_came(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", "echo one; sleep 1; echo two")
        record = await ended(run)

    times = times_of(Path(record.spool).parent, record.run_id)
    one, two = times.at(0), times.at(4)
    assert one is not None
    assert two is not None
    assert record.created <= one < two
