"""Saving the output of a task: nothing is written over, no name leads elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lazytui.core.model import RunRecord, RunState
from lazytui.core.outcomes import Kind, Outcome
from lazytui.core.saving import save_folder, save_gathered

if TYPE_CHECKING:
    from pathlib import Path


def record(folder: Path, host: str, output: bytes | None) -> RunRecord:
    spool = folder / f"{len(list(folder.iterdir()))}.spool"
    if output is not None:
        spool.write_bytes(output)
    return RunRecord(
        "id", 7, "cmd", "cmd", host, RunState.SUCCEEDED, 0, "", 0.0, 1.0, 2.0, str(spool)
    )


def test_a_folder_has_one_file_for_each_host(tmp_path: Path) -> None:
    records = [record(tmp_path, "a", b"one\x1b[0m"), record(tmp_path, "b", b"two\n")]

    folder = save_folder(tmp_path / "task-7", records)

    assert folder == tmp_path / "task-7"
    assert {f.name: f.read_bytes() for f in folder.iterdir()} == {
        "a.log": b"one\x1b[0m\n",
        "b.log": b"two\n",
    }


def test_nothing_is_written_over(tmp_path: Path) -> None:
    run = record(tmp_path, "a", b"x\n")
    outcome = Outcome(Kind.ENDED, (run,))

    folders = [save_folder(tmp_path / "task-7", [run]).name for _ in range(3)]
    files = [save_gathered(tmp_path / "task-7", [outcome]).name for _ in range(3)]

    assert folders == ["task-7", "task-7-2", "task-7-3"]
    assert files == ["task-7.txt", "task-7-2.txt", "task-7-3.txt"]


def test_names_of_hosts_do_not_lead_elsewhere(tmp_path: Path) -> None:
    hosts = ("../evil", "/etc/x", "..", "", "a b", "a_b", "x" * 300, "\udcff")

    folder = save_folder(tmp_path / "out", [record(tmp_path, host, b"x") for host in hosts])

    names = {path.name for path in folder.iterdir()}
    assert len(names) == len(hosts)
    assert {"_._evil.log", "_etc_x.log", "a_b.log", "a_b-2.log"} <= names
    assert not (tmp_path / "evil.log").exists()


def test_a_gathered_file_has_each_output_under_its_hosts(tmp_path: Path) -> None:
    one = record(tmp_path, "a", b"same")
    failed = record(tmp_path, "c", None)
    failed = replace(failed, state=RunState.FAILED, exit_status=None, reason="no\nanswer")
    outcomes = [
        Outcome(Kind.ENDED, (one, replace(one, host="b"))),
        Outcome(Kind.NOT_REACHED, (failed,)),
    ]

    path = save_gathered(tmp_path / "task-7", outcomes)

    assert path.read_bytes() == (
        b"---------------\na,b (2) exit 0\n---------------\nsame\n"
        b"---------------\nc not reached no answer\n---------------\n"
    )
