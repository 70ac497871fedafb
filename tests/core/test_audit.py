"""The audit: who did what, where and when stays known, also of what was forgotten."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from lazytui.core import journal_file
from lazytui.core.audit import AuditRecord, Deed, outcome_text, who_does
from lazytui.core.journal import Journal
from lazytui.core.journal_file import SCHEMA_VERSION
from lazytui.core.model import RunState
from lazytui.core.owner import user_name

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = {"kind": "command", "command": "echo hi"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def a_task(journal: Journal, *hosts: str) -> tuple[int, list[str]]:
    """Make a task whose start is in the audit."""
    task_id, run_ids = await journal.new_task("greet", [COMMAND], hosts, "1:1:x", "screen", "ada")
    started = AuditRecord(
        5.0, "ada@pts/1", Deed.RUN_STARTED, f"#{task_id} greet", ",".join(hosts), task_id=task_id
    )
    await journal.add_audit(started)
    return task_id, run_ids


async def test_what_was_done_is_listed_newest_first(path: Path) -> None:
    first = AuditRecord(1.0, "ada@pts/1", Deed.GROUP_CHANGED, "@train", "gpu[01-03]", "added")
    second = AuditRecord(2.0, "bob (command line)", Deed.FORGOTTEN, "#3 uptime", "gpu01")

    async with Journal(path) as journal:
        await journal.add_audit(first)
        await journal.add_audit(second)

    async with Journal(path) as journal:
        assert await journal.audit(10) == [second, first]
        assert await journal.audit(1) == [second]


async def test_what_came_of_a_task_is_read_from_its_runs(path: Path) -> None:
    async with Journal(path) as journal:
        _, (run_id,) = await a_task(journal, "gpu01")
        waiting = (await journal.audit(1))[0].result
        await journal.update_run(run_id, state=RunState.FAILED, exit_status=3)

        assert waiting == "queued"
        assert (await journal.audit(1))[0].result == "exit 3"


async def test_a_forgotten_task_is_gone_and_what_came_of_it_stays_known(path: Path) -> None:
    async with Journal(path) as journal:
        task_id, run_ids = await a_task(journal, "gpu01", "gpu02", "gpu03")
        kept, _ = await a_task(journal, "gpu01")
        for run_id in run_ids[:2]:
            await journal.update_run(run_id, state=RunState.SUCCEEDED, exit_status=0)
        await journal.update_run(run_ids[2], state=RunState.LOST)
        await journal.begin_step(
            run_ids[0], 0, job_id="j", kind="command", spec=COMMAND, spool_start=0
        )

        assert await journal.forget([task_id]) == run_ids

        assert await journal.task(task_id) is None
        assert await journal.begun_steps(run_ids[0]) == []
        assert {record.task_id for record in await journal.records()} == {kept}
        assert [line.result for line in await journal.audit(10)] == ["queued", "2 done 1 lost"]


async def test_a_task_that_is_not_over_cannot_be_forgotten(path: Path) -> None:
    async with Journal(path) as journal:
        task_id, run_ids = await a_task(journal, "gpu01", "gpu02")
        await journal.update_run(run_ids[0], state=RunState.SUCCEEDED, exit_status=0)

        assert await journal.forget([task_id]) == []

        assert len(await journal.records()) == 2


async def test_the_number_of_a_forgotten_task_is_not_given_again(path: Path) -> None:
    async with Journal(path) as journal:
        task_id, (run_id,) = await a_task(journal, "gpu01")
        await journal.update_run(run_id, state=RunState.SUCCEEDED, exit_status=0)
        await journal.forget([task_id])

        assert (await a_task(journal, "gpu01"))[0] > task_id


async def test_a_journal_of_the_first_version_gets_an_audit_and_keeps_its_runs(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(
            f"{journal_file._TASKS_AND_GROUPS}PRAGMA user_version = 1;"
            "INSERT INTO tasks VALUES (7, 'greet', 1.0, 'script', 'ada', '[]');"
            "INSERT INTO runs VALUES"
            " ('ab', 7, 'gpu01', 'succeeded', 0, '', 1.0, 1.0, 2.0, 0, '1:1:x');"
        )
    connection.close()

    async with Journal(path) as journal:
        await journal.add_audit(AuditRecord(1.0, "ada", Deed.FORGOTTEN, "#1", ""))

        assert [record.task_id for record in await journal.records()] == [7]
        assert len(await journal.audit(10)) == 1
        assert journal.notices == []

    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    connection.close()


async def test_a_step_to_the_next_schema_that_fails_changes_nothing(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript(
            f"{journal_file._TASKS_AND_GROUPS}PRAGMA user_version = 1;"
            "CREATE INDEX audit_of_task ON tasks (name);"  # the name that the step wants
        )
    connection.close()

    with pytest.raises(Exception, match="audit_of_task"):
        async with Journal(path):
            pass

    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'audit'")
        assert tables.fetchall() == []
    connection.close()


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([(RunState.SUCCEEDED, 0, 1)], "exit 0"),
        ([(RunState.LOST, None, 1)], "lost"),
        ([(RunState.FAILED, 1, 2), (RunState.FAILED, 2, 1)], "3 failed"),
        ([(RunState.QUEUED, None, 1), (RunState.SUCCEEDED, 0, 9)], "9 done 1 queued"),
    ],
)
def test_what_came_of_runs_is_said_in_few_words(outcomes, said) -> None:
    assert outcome_text(outcomes) == said


def test_a_script_is_named_as_such() -> None:
    assert who_does("script") == f"{user_name()} (script)"
