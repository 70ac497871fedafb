"""The made-up numbers are plausible: they move, fit together, and stay in their bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lazytui.demo.cast import Answer, PretendHost, cast
from lazytui.demo.vitals import Vitals

if TYPE_CHECKING:
    from pathlib import Path


def host_named(name: str) -> PretendHost:
    return next(host for host in cast(8) if host.name == name)


def vitals_of(host: PretendHost, folder: Path) -> Vitals:
    return Vitals(host, folder / "proc", folder / "gpus.csv", now=1000.0)


def cpu_ticks(folder: Path) -> tuple[int, int]:
    """Busy and idle ticks of /proc/stat."""
    fields = (folder / "proc" / "stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, idle = (int(field) for field in fields[:4])
    return user + nice + system, idle


def test_the_cast_of_eight_has_one_refused_one_silent_and_some_gpus() -> None:
    hosts = cast(8)

    assert [host.name for host in hosts] == [
        *("cpu01", "cpu02", "cpu03", "db01", "gpu01", "gpu02", "gpu03", "node07")
    ]
    answers = [host.answer for host in hosts]
    assert (answers.count(Answer.REFUSED), answers.count(Answer.SILENT)) == (1, 1)
    assert sum(1 for host in hosts if host.gpus) == 2


@pytest.mark.parametrize("count", [1, 3, 8, 9, 64, 256])
def test_a_cast_of_any_size_has_that_many_names(count: int) -> None:
    names = [host.name for host in cast(count)]

    assert len(set(names)) == count
    assert set(names) <= {host.name for host in cast(count + 1)}


def test_cpu_time_passes_with_the_clock_at_the_hosts_load(tmp_path: Path) -> None:
    host = host_named("cpu01")
    vitals = vitals_of(host, tmp_path)
    busy, idle = cpu_ticks(tmp_path)

    for second in range(1, 61):
        vitals.write(1000.0 + second)

    busy_after, idle_after = cpu_ticks(tmp_path)
    passed = busy_after - busy + idle_after - idle
    assert passed == pytest.approx(60 * host.cores * 100, abs=5)
    assert (busy_after - busy) / passed == pytest.approx(host.cpu, abs=0.15)


def test_a_clock_that_stands_still_or_goes_back_takes_no_ticks_away(tmp_path: Path) -> None:
    vitals = vitals_of(host_named("gpu01"), tmp_path)
    before = cpu_ticks(tmp_path)

    vitals.write(1000.0)
    vitals.write(900.0)

    assert cpu_ticks(tmp_path) == before


def test_memory_adds_up_and_the_cores_are_counted(tmp_path: Path) -> None:
    host = host_named("db01")
    vitals_of(host, tmp_path)

    rows = (tmp_path / "proc" / "meminfo").read_text().splitlines()
    memory = {row.split(":")[0]: int(row.split()[1]) for row in rows}

    assert memory["MemTotal"] == host.memory_gib * 1024 * 1024
    assert memory["MemFree"] <= memory["MemAvailable"] < memory["MemTotal"]
    cpuinfo = (tmp_path / "proc" / "cpuinfo").read_text()
    assert cpuinfo.count("processor\t") == host.cores


def test_bytes_of_the_network_only_grow(tmp_path: Path) -> None:
    vitals = vitals_of(host_named("gpu01"), tmp_path)
    seen = []
    for second in range(30):
        vitals.write(1000.0 + second)
        row = (tmp_path / "proc" / "net" / "dev").read_text().splitlines()[-1].split()
        seen.append((int(row[1]), int(row[9])))

    assert seen == sorted(seen)
    assert seen[-1][0] > seen[0][0]


def test_loads_move_within_their_bounds_and_idle_gpus_stay_idle(tmp_path: Path) -> None:
    vitals = vitals_of(host_named("gpu02"), tmp_path)
    loads: dict[str, set[int]] = {}
    for second in range(120):
        vitals.write(1000.0 + second)
        for row in (tmp_path / "gpus.csv").read_text().splitlines()[1:]:
            index, _, _, load, used, free, total, _ = row.split(",")
            loads.setdefault(index, set()).add(int(load))
            assert 0 <= int(load) <= 100
            assert int(used) + int(free) == int(total)

    assert len(loads["0"]) > 3
    assert loads["1"] == {0}


def test_a_reader_never_finds_half_a_file(tmp_path: Path) -> None:
    vitals = vitals_of(host_named("gpu01"), tmp_path)

    with (tmp_path / "proc" / "meminfo").open() as old:
        vitals.write(1001.0)

        # The old file is whole for whoever has it open: the new one has taken its name.
        assert old.read().endswith("kB\n")
    assert not list(tmp_path.rglob("*.new"))
