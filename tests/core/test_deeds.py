"""What is done with an engine is noted, and many runs are stopped or forgotten at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui.core import runs as runs_module
from lazytui.core.audit import Deed
from lazytui.core.events import RunChanged
from lazytui.core.model import RunState
from lazytui.core.stops import StopReport
from lazytui.core.task import CommandSpec
from lazytui.errors import TransferError
from lazytui.ssh.credentials import Question
from tests.engines import ended, engine_on, grown, start

if TYPE_CHECKING:
    from tests.sshd import SSHFarm


async def test_running_stopping_and_forgetting_are_noted_with_what_came_of_it(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")
    farm.add("gpu02")

    async with engine_on(farm) as engine:
        runs = await engine.start_runs(CommandSpec("echo up; exec sleep 300"), ["gpu01", "gpu02"])
        for run in runs:
            await grown(engine, run, 3)
        report = await engine.stop_runs([run.run_id for run in runs], "TERM")
        for run in runs:
            await ended(run)
        task_id = runs[0].record.task_id
        assert await engine.forget([task_id]) == 1
        lines = await engine.audit(10)

    assert report.text == "TERM sent to 2 runs"
    assert [(line.what, line.where, line.result) for line in lines] == [
        (Deed.FORGOTTEN, "gpu[01-02]", ""),
        (Deed.RUN_STOPPED, "gpu[01-02]", "TERM sent to 2 runs"),
        (Deed.RUN_STARTED, "gpu[01-02]", "2 cancelled"),
    ]
    assert all(line.who.endswith("(script)") for line in lines)
    assert all(line.subject == f"#{task_id} echo up; exec sleep 300" for line in lines)


async def test_a_forgotten_task_takes_its_output_along_and_tells_the_screens(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", "echo secret")
        record = await ended(run)
        with engine.events.subscribe() as events:
            await engine.forget([record.task_id])
            told = await events.drain()
        known = engine.runs.records()

    assert RunChanged(record.run_id, record.task_id) in told
    assert known == []
    assert list(Path(record.spool).parent.glob(f"{record.run_id}*")) == []


async def test_a_task_that_goes_on_is_not_forgotten(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        run = await start(engine, "gpu01", "echo up; exec sleep 300")
        await grown(engine, run, 3)

        assert await engine.forget([run.record.task_id]) == 0
        assert Path(run.record.spool).read_bytes() == b"up\n"

        await engine.stop_runs([run.run_id], "KILL")
        assert (await ended(run)).state is RunState.CANCELLED


async def test_a_signal_says_which_runs_had_ended_already(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with engine_on(farm) as engine:
        over = await start(engine, "gpu01", "true")
        await ended(over)
        report = await engine.stop_runs([over.run_id])

    assert report.text == "1 run had ended already"


async def test_groups_and_trust_are_noted(farm: SSHFarm) -> None:
    farm.add("gpu01")
    question = Question(
        "gpu01", "hostkey", "unknown key", ("SHA256:abc",), (("s", "accept and save"), ("n", "no"))
    )

    async with engine_on(farm) as engine:
        await engine.add_group("train", ["gpu01"], "gpu*")
        await engine.remove_group("train")
        await engine.remove_group("never")
        for choice in ("s", "n"):
            with engine.events.subscribe() as events:
                asking = engine._group.create_task(engine.ask(question))
                await events.drain()
                engine.answer(question.id, choice)
                assert await asking == choice
        lines = await engine.audit(10)

    assert [(line.what, line.subject, line.result) for line in lines] == [
        (Deed.KEY_ACCEPTED, "SHA256:abc", "accept and save"),
        (Deed.GROUP_CHANGED, "@train", "removed"),
        (Deed.GROUP_CHANGED, "@train", "kept: gpu*"),
    ]


def test_a_report_names_hosts_that_were_not_reached_but_not_all_of_them() -> None:
    troubles = {f"gpu0{n}": "no answer" for n in range(1, 6)}
    report = StopReport("INT", {"sent": 4, "ended": 1, "stale": 1}, troubles)

    assert report.text == (
        "INT sent to 4 runs, 2 runs had ended already, not sent to gpu01: no answer,"
        " not sent to gpu02: no answer, not sent to gpu03: no answer, nor to 2 more"
    )


async def test_after_a_restart_a_big_task_is_known_with_all_its_runs(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.add("gpu01")
    monkeypatch.setattr(runs_module, "RECENT", 3)
    async with engine_on(farm) as engine:
        for _ in range(2):
            run_ids = await engine.journal.new_task("t", [], ["a", "b"], "1:1:x", "script")
            for run_id in run_ids[1]:
                await engine.journal.update_run(run_id, state=RunState.SUCCEEDED)

    async with engine_on(farm) as engine:
        known = [(record.task_id, record.host) for record in reversed(engine.runs.records())]

    assert known == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]


async def test_what_is_done_to_files_is_noted_and_what_failed_is_not(
    farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01")
    (host.home / "notes").write_text("old")
    (tmp_path / "mine").write_text("old")

    async with engine_on(farm) as engine:
        files = engine.files
        await files.look("gpu01", "data", make=True)
        await files.look("gpu01", "data")
        await files.read("gpu01", "notes", 0, 10)
        await files.replace("gpu01", "notes", b"new", None)
        await files.rename("gpu01", "notes", "data/notes")
        with pytest.raises(TransferError):
            await files.rename("gpu01", "notes", "gone")
        await files.remove("gpu01", ["data", "nothing"])
        await files.replace(None, str(tmp_path / "mine"), b"new", None)
        lines = await engine.audit(10)

    assert [(line.what, line.subject, line.where, line.result) for line in lines] == [
        (Deed.FILE_EDITED, str(tmp_path / "mine"), "", "here"),
        (Deed.FILE_DELETED, "data and 1 more", "gpu01", "2 entries gone"),
        (Deed.FILE_RENAMED, "notes → data/notes", "gpu01", ""),
        (Deed.FILE_EDITED, "notes", "gpu01", ""),
        (Deed.FOLDER_MADE, str(host.home / "data"), "gpu01", ""),
    ]
    assert (tmp_path / "mine").read_text() == "new"
