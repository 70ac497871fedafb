"""The journal: what was told to it survives whoever told it, and ends are final."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazytui.core.journal import Journal, owner_alive, owner_me, read_journal
from lazytui.core.journal_file import network_file_system
from lazytui.core.model import RunState
from lazytui.errors import JournalError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = {"kind": "command", "command": "echo hi"}
DEAD = "1:1:another-boot"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def one_run(journal: Journal, host: str = "gpu01", owner: str = DEAD) -> str:
    _, (run_id,) = await journal.new_task("greet", [COMMAND], [host], owner, "script")
    return run_id


# --- tasks and runs ----------------------------------------------------------------------


async def test_a_new_task_has_a_queued_run_for_each_host(path: Path) -> None:
    async with Journal(path) as journal:
        task_id, run_ids = await journal.new_task(
            "greet", [COMMAND], ["gpu02", "gpu01"], owner_me(), "screen", "ada"
        )
        records = await journal.records()
        task = await journal.task(task_id)

    assert [(r.run_id, r.host, r.state) for r in records] == [
        (run_ids[0], "gpu02", RunState.QUEUED),
        (run_ids[1], "gpu01", RunState.QUEUED),
    ]
    assert all(len(run_id) == 32 and int(run_id, 16) >= 0 for run_id in run_ids)
    assert (records[0].name, records[0].command) == ("greet", "echo hi")
    assert records[0].spool == str(path.parent / "spool" / f"{run_ids[0]}.log")
    assert task is not None
    assert (task.origin, task.user, task.steps) == ("screen", "ada", (COMMAND,))


async def test_what_was_told_is_there_when_opened_again(path: Path) -> None:
    async with Journal(path) as journal:
        run_id = await one_run(journal)
        await journal.update_run(run_id, state=RunState.RUNNING, started=5.0)

    async with Journal(path) as journal:
        record = await journal.record(run_id)

    assert (record.state, record.started, record.ended) == (RunState.RUNNING, 5.0, None)


@pytest.mark.parametrize("final", [state for state in RunState if state.is_final])
async def test_an_end_never_changes_again(path: Path, final: RunState) -> None:
    async with Journal(path) as journal:
        run_id = await one_run(journal)

        first = await journal.update_run(run_id, state=final, exit_status=3, ended=9.0)
        second = await journal.update_run(run_id, state=RunState.RUNNING, exit_status=0)

        record = await journal.record(run_id)
        claimed = await journal.claim([run_id], owner_me(), DEAD)

    assert (first, second) == (True, False)
    assert (record.state, record.exit_status, record.ended) == (final, 3, 9.0)
    assert claimed == []


async def test_a_field_that_a_run_does_not_have_cannot_be_changed(path: Path) -> None:
    async with Journal(path) as journal:
        run_id = await one_run(journal)

        with pytest.raises(TypeError, match="no owner to change"):
            await journal.update_run(run_id, owner="x")  # type: ignore[call-arg]


async def test_a_run_that_is_not_there_is_a_usage_error(path: Path) -> None:
    async with Journal(path) as journal:
        with pytest.raises(UsageError, match="no run abc"):
            await journal.record("abc")
        assert await journal.task(7) is None


async def test_records_are_listed_newest_task_first_and_filtered(path: Path) -> None:
    async with Journal(path) as journal:
        first, (a, b) = await journal.new_task("one", [COMMAND], ["a", "b"], DEAD, "script")
        _, (c,) = await journal.new_task("two", [COMMAND], ["c"], DEAD, "script")
        await journal.update_run(b, state=RunState.FAILED)

        async def ids(*limit: int, **which: object) -> list[str]:
            return [r.run_id for r in await journal.records(*limit, **which)]  # type: ignore[arg-type]

        assert await ids() == [c, a, b]
        assert await ids(2) == [c, a]
        assert await ids(task_id=first) == [a, b]
        assert await ids(states=[RunState.FAILED]) == [b]
        assert await ids(states=[]) == []


async def test_runs_are_found_as_people_name_them(path: Path) -> None:
    async with Journal(path) as journal:
        task_id, (a, b) = await journal.new_task("t", [COMMAND], ["h1", "h2"], DEAD, "script")

        async def ids(text: str) -> list[str]:
            return [record.run_id for record in await journal.find(text)]

        assert await ids(str(task_id)) == [a, b]
        assert await ids(f"{task_id}@h2") == [b]
        assert await ids(f" {task_id}@h3 ") == []
        assert await ids(a) == [a]
        assert await ids(a[:12].upper()) == [a]
        assert await ids(a[:3]) == []  # too short to mean one run
        for nonsense in ("", "@", "@h1", "%", "no such", "9" * 30, "²"):
            assert await ids(nonsense) == []


async def test_a_step_is_begun_once_and_ends_once(path: Path) -> None:
    async with Journal(path) as journal:
        run_id = await one_run(journal)
        begun = await journal.begin_step(
            run_id, 0, job_id=f"{run_id}-0", kind="command", spec={"cwd": "/"}, spool_start=10
        )
        again = await journal.begin_step(
            run_id, 0, job_id="other", kind="command", spec={}, spool_start=99
        )

        assert again == begun
        assert (begun.spool_start, begun.spec, begun.state) == (10, {"cwd": "/"}, "running")
        assert await journal.end_step(run_id, 0, RunState.FAILED, 2)
        assert not await journal.end_step(run_id, 0, RunState.SUCCEEDED, 0)
        (ended,) = await journal.begun_steps(run_id)
        assert (ended.state, ended.exit_status) == (RunState.FAILED, 2)


async def test_groups_are_added_changed_and_removed(path: Path) -> None:
    async with Journal(path) as journal:
        await journal.add_group("train", "gpu[1-2]", ["gpu1", "gpu2"])
        await journal.add_group("idle", "cpu<10%")
        await journal.add_group("train", "gpu1", ["gpu1"])

        assert [(g.name, g.where, g.hosts) for g in await journal.groups()] == [
            ("idle", "cpu<10%", None),
            ("train", "gpu1", ("gpu1",)),
        ]
        assert await journal.remove_group("idle")
        assert not await journal.remove_group("idle")


awkward = st.text(st.characters(codec="utf-8"), max_size=40)


@settings(max_examples=25, deadline=None)
@given(awkward, st.lists(awkward, max_size=5), awkward)
def test_any_text_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, name: str, hosts: list[str], command: str
) -> None:
    async def round_trip() -> None:
        async with Journal(tmp_path_factory.mktemp("any") / "journal.db") as journal:
            step = {"kind": "command", "command": command}
            task_id, _ = await journal.new_task(name, [step], hosts, DEAD, "script")
            records = await journal.records(task_id=task_id)
            assert [r.host for r in records] == hosts
            assert all((r.name, r.command) == (name, command) for r in records)

    asyncio.run(round_trip())


async def test_a_broadcast_to_1000_hosts_is_told_in_few_transactions(path: Path) -> None:
    statements: list[str] = []
    async with Journal(path) as journal:
        _, runs = await journal.new_task(
            "all", [COMMAND], [f"h{i}" for i in range(1000)], DEAD, "script"
        )
        journal._db.connection.set_trace_callback(statements.append)

        changed = await asyncio.gather(
            *(journal.update_run(run, state=RunState.SUCCEEDED, exit_status=0) for run in runs)
        )

        journal._db.connection.set_trace_callback(None)
    assert all(changed)
    assert 1 <= statements.count("COMMIT") < 100


async def test_a_call_that_fails_takes_no_other_with_it(path: Path) -> None:
    async with Journal(path) as journal:
        good, bad, good_too = await asyncio.gather(
            journal.add_group("a", "a"),
            journal.new_task("x", [{"kind": object()}], ["h"], DEAD, "script"),
            journal.add_group("b", "b"),
            return_exceptions=True,
        )

        assert (good, good_too) == (None, None)
        assert isinstance(bad, TypeError)
        assert [group.name for group in await journal.groups()] == ["a", "b"]
        assert await journal.records() == []


async def test_a_cancelled_call_harms_nobody(path: Path) -> None:
    async with Journal(path) as journal:
        call = asyncio.ensure_future(journal.add_group("a", "a"))
        await asyncio.sleep(0)
        call.cancel()

        await journal.add_group("b", "b")

        assert "b" in [group.name for group in await journal.groups()]


async def test_a_closed_journal_says_so(path: Path) -> None:
    async with Journal(path) as journal:
        pass
    await journal.close()

    with pytest.raises(JournalError, match="is closed"):
        await journal.groups()


# --- owners ------------------------------------------------------------------------------


def test_this_process_is_alive() -> None:
    assert owner_alive(owner_me())


@pytest.mark.parametrize("change", ["pid", "start", "boot"])
def test_another_process_start_or_boot_is_not_this_owner(change: str) -> None:
    pid, start, boot = owner_me().split(":")
    others = {
        "pid": f"4194399:{start}:{boot}",
        "start": f"{pid}:1:{boot}",
        "boot": f"{pid}:{start}:x",
    }

    assert not owner_alive(others[change])


@given(st.text())
def test_a_text_that_is_no_owner_is_dead(text: str) -> None:
    assert not owner_alive(text)


def test_a_killed_process_is_dead_even_before_its_parent_noticed() -> None:
    script = "from lazytui.core.owner import owner_me; print(owner_me(), flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        owner = process.stdout.readline().strip()
        alive_before = owner_alive(owner)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, but still a zombie

        assert alive_before
        assert not owner_alive(owner)


async def test_orphans_are_the_open_runs_of_dead_owners(path: Path) -> None:
    async with Journal(path) as journal:
        orphan = await one_run(journal, owner=DEAD)
        await one_run(journal, owner=owner_me())
        ended = await one_run(journal, owner=DEAD)
        await journal.update_run(ended, state=RunState.SUCCEEDED)
        await journal.update_run(orphan, step=1)

        found = await journal.orphans(owner_alive)

        assert [(run.record.run_id, run.owner, run.step) for run in found] == [(orphan, DEAD, 1)]
        assert len(await journal.open_runs()) == 2


async def test_adopting_claims_every_orphan_and_only_once(path: Path) -> None:
    async with Journal(path) as journal:
        orphans = [await one_run(journal, owner=DEAD), await one_run(journal, owner="2:2:x")]

        first = await journal.adopt(owner_alive, owner_me())
        second = await journal.adopt(owner_alive, owner_me())

        assert [record.run_id for record in first] == orphans
        assert second == []


CLAIMER = """
import asyncio, sys
from pathlib import Path
from lazytui.core.journal import Journal

async def main():
    async with Journal(Path(sys.argv[1])) as journal:
        runs = [r.run_id for r in await journal.records()]
        print("ready", flush=True)
        sys.stdin.readline()
        taken = []
        for run in runs:
            taken += await journal.claim([run], sys.argv[2], sys.argv[3])
        print(" ".join(taken), flush=True)

asyncio.run(main())
"""


async def test_of_two_processes_that_claim_the_same_runs_exactly_one_gets_each(
    path: Path,
) -> None:
    async with Journal(path) as journal:
        _, runs = await journal.new_task(
            "t", [COMMAND], [f"h{i}" for i in range(200)], DEAD, "script"
        )
    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, str(path), name, DEAD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for claimer in claimers:
        assert claimer.stdout is not None
        assert claimer.stdout.readline() == "ready\n"
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("go\n")
        claimer.stdin.flush()

    taken = [claimer.communicate()[0].split() for claimer in claimers]

    assert sorted(taken[0] + taken[1]) == sorted(runs)


WRITER = """
import asyncio, os, signal, sys
from pathlib import Path
from lazytui.core.journal import Journal

async def main():
    async with Journal(Path(sys.argv[1])) as journal:
        await journal.new_task("t", [{"kind": "command", "command": "x"}], ["h"], "o", "script")
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_what_was_answered_survives_kill_9(path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", WRITER, str(path)])
    assert killed.returncode == -9

    async with Journal(path) as journal:
        records = await journal.records()

    assert [record.host for record in records] == ["h"]
    assert journal.notices == []


# --- the file and its troubles -----------------------------------------------------------


async def test_its_files_are_readable_by_the_user_only(path: Path) -> None:
    async with Journal(path) as journal:
        await journal.add_group("a", "a")
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert {"journal.db", "journal.db-wal", "journal.db-shm"} <= modes.keys()
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize(
    "garbage", [b"not a database at all" * 500, b"SQLite format 3\0" + b"\7" * 9000]
)
async def test_a_damaged_file_is_set_aside_and_a_new_one_begun(path: Path, garbage: bytes) -> None:
    path.write_bytes(garbage)

    async with Journal(path) as journal:
        await journal.add_group("a", "a")
        groups = await journal.groups()

    (aside,) = path.parent.glob("journal.db.corrupt-*")
    assert aside.read_bytes() == garbage
    assert [group.name for group in groups] == ["a"]
    assert len(journal.notices) == 1
    assert str(aside) in journal.notices[0]


OPENER = """
import asyncio, sys
from pathlib import Path
from lazytui.core.journal import Journal

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    async with Journal(Path(sys.argv[1])) as journal:
        await journal.add_group(sys.argv[2], "x")

asyncio.run(main())
"""


async def test_processes_that_meet_a_damaged_file_together_set_it_aside_once(path: Path) -> None:
    path.write_bytes(b"junk" * 4000)
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(path), f"group{i}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for i in range(3)
    ]
    for opener in openers:
        assert opener.stdout is not None
        opener.stdout.readline()

    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("go\n")
        opener.stdin.flush()
    for opener in openers:
        opener.communicate()

    assert [opener.returncode for opener in openers] == [0, 0, 0]
    assert len(list(path.parent.glob("journal.db.corrupt-*"))) == 1
    async with Journal(path) as journal:
        assert len(await journal.groups()) == 3


async def test_damage_met_while_working_costs_one_call_and_is_told(path: Path) -> None:
    told: list[str] = []
    async with Journal(path, on_notice=told.append) as journal:
        await journal.new_task("t", [COMMAND], [f"h{i}" for i in range(2000)], DEAD, "script")
    async with Journal(path, on_notice=told.append) as journal:
        size = path.stat().st_size
        with path.open("r+b") as file:  # behind the back of SQLite, as a bad disk would
            file.seek(4096)
            file.write(b"\xff" * (size - 4096))
        await journal._read(lambda db: db.connection.execute("PRAGMA shrink_memory"))

        with pytest.raises(JournalError, match="damaged"):
            await journal.records()
        await journal.add_group("a", "a")

        assert await journal.records() == []
        assert [group.name for group in await journal.groups()] == ["a"]
        assert journal.notices == told
        assert len(told) == 1
        assert "damaged" in told[0]
        (aside,) = path.parent.glob("journal.db.corrupt-*")
        assert str(aside) in told[0]


async def test_a_file_that_another_process_replaced_is_followed(path: Path) -> None:
    async with Journal(path) as journal, Journal(path) as other:
        await journal.add_group("old", "x")
        path.rename(path.with_name("elsewhere"))

        await other.add_group("new", "x")

        assert [group.name for group in await journal.groups()] == ["new"]
        assert "opened anew" in journal.notices[0]


async def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    async with Journal(path):
        pass
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(JournalError, match=r"newer lazytui \(schema 99"):
        async with Journal(path):
            pass
    with pytest.raises(JournalError, match="newer lazytui"), read_journal(path):
        pass

    assert list(path.parent.glob("*corrupt*")) == []


@pytest.fixture
def locked(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the journal's write lock until a line is sent to it."""
    script = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)\n"
        "sys.stdin.readline(); c.execute('BEGIN IMMEDIATE'); print('locked', flush=True)\n"
        "sys.stdin.readline(); c.execute('COMMIT'); print('free', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def step(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


async def test_a_lock_of_another_process_is_waited_for(
    path: Path, locked: subprocess.Popen[str]
) -> None:
    async with Journal(path) as journal:
        assert step(locked) == "locked"
        waiting = asyncio.ensure_future(journal.add_group("a", "a"))
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done  # and the loop went on meanwhile

        assert step(locked) == "free"
        await waiting

        assert [group.name for group in await journal.groups()] == ["a"]


async def test_a_lock_held_for_too_long_is_an_error_and_later_calls_work(
    path: Path, locked: subprocess.Popen[str]
) -> None:
    async with Journal(path, patience_s=0.1) as journal:
        assert step(locked) == "locked"

        with pytest.raises(JournalError, match="another program keeps it locked"):
            await journal.add_group("a", "a")
        assert await journal.groups() == []  # reading goes on

        assert step(locked) == "free"
        await journal.add_group("a", "a")


async def test_a_full_disk_is_an_error_and_later_calls_work(tmp_path: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can mount a small file system")
    disk = tmp_path / "small"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", disk], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount: {mounted.stderr.decode()}")
    try:
        async with Journal(disk / "journal.db") as journal:
            await journal.add_group("before", "x")
            big = {"kind": "command", "command": "x" * 1_000_000}
            with pytest.raises(JournalError, match="disk"):
                await journal.new_task("t", [big], ["h"], DEAD, "script")
            assert await journal.records() == []

            subprocess.run(["mount", "-o", "remount,size=16m", disk], check=True)
            await journal.new_task("t", [big], ["h"], DEAD, "script")

            assert len(await journal.records()) == 1
            assert [group.name for group in await journal.groups()] == ["before"]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


async def test_a_folder_that_cannot_be_written_is_an_error_and_can_still_be_read(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    path = folder / "journal.db"
    async with Journal(path) as journal:
        await journal.add_group("a", "a")
    if os.getuid() == 0:  # rights do not bind root, so mount it read-only
        bound = subprocess.run(["mount", "--bind", folder, folder], capture_output=True)
        if bound.returncode != 0:
            pytest.skip(f"cannot mount: {bound.stderr.decode()}")
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    else:
        path.chmod(0o400)
        folder.chmod(0o500)
    try:
        with pytest.raises(JournalError, match=str(path)):
            async with Journal(path):
                pass
        with read_journal(path) as db:
            assert db is not None
            assert [group.name for group in db.groups()] == ["a"]
    finally:
        if os.getuid() == 0:
            subprocess.run(["umount", "-l", folder], check=True)
        else:
            folder.chmod(0o700)


async def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be opened"):
        async with Journal(tmp_path / "none" / "journal.db"):
            pass


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/home/ada", "nfs4"), ("/home/ada/x y/z", ""), ("/mnt", "fuse.sshfs"), ("/srv", "")],
)
def test_network_file_systems_are_known_by_the_mount_they_are_on(
    tmp_path: Path, folder: str, kind: str
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/vda / ext4 rw 0 0\nnas:/h /home nfs4 rw 0 0\n"
        "tmpfs /home/ada/x\\040y tmpfs rw 0 0\nada@x: /mnt fuse.sshfs rw 0 0\nshort\n"
    )

    assert network_file_system(type(tmp_path)(folder), mounts) == kind


async def test_on_a_network_file_system_no_write_ahead_log_is_used(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lazytui.core.journal_file.network_file_system", lambda path: "nfs4")

    async with Journal(path) as journal:
        await journal.add_group("a", "a")
        assert not path.with_name("journal.db-wal").exists()

    assert "network file system (nfs4)" in journal.notices[0]


async def test_a_command_that_only_reads_needs_no_thread(path: Path) -> None:
    with read_journal(path) as db:
        assert db is None  # there is none yet, and none is made
    assert not path.exists()
    async with Journal(path) as journal:
        run_id = await one_run(journal)

        with read_journal(path) as db:
            assert db is not None
            assert [record.run_id for record in db.records()] == [run_id]
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                db.connection.execute("DELETE FROM runs")
