"""Whole scripts: what is left when they end, are interrupted, or die."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui.core.model import RunState
from tests.engines import engine_on, environment

if TYPE_CHECKING:
    from tests.sshd import SSHFarm

BEGIN = "from lazytui import Runtime, RuntimeGroup, RuntimeManager, RuntimeTask\n"
WAIT = "until [ -e ~/go ]; do sleep 0.02; done"


def script(hosts: SSHFarm, code: str) -> subprocess.Popen[str]:
    """Start a script; use it in a ``with`` block and wait for its end."""
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + code],
        env=environment(hosts),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_script(hosts: SSHFarm, code: str) -> tuple[int, str, str]:
    """Run a script to its end; gives its status and what it printed."""
    with script(hosts, code) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.leaves_nothing
def test_the_end_of_a_script_stops_what_runs_and_removes_its_directories(hosts: SSHFarm) -> None:
    code, out, err = run_script(
        hosts,
        "runtime = Runtime('host-1')\n"
        "task = RuntimeTask().run_command('touch here; sleep 600')\n"
        "runtime.execute_task(task)\n"
        "print(runtime.working_dir, runtime.create_tempdir())\n",
    )

    assert (code, err) == (0, "")
    assert [Path(folder).exists() for folder in out.split()] == [False, False]


def test_what_was_asked_to_outlive_the_script_does_and_is_taken_to_its_end(hosts: SSHFarm) -> None:
    code, out, err = run_script(
        hosts,
        "runtime = Runtime('host-1')\n"
        f"task = RuntimeTask('overnight').run_command('{WAIT}; pwd')\n"
        "runtime.execute_task(task, omit_on_join=True)\n"
        "print(runtime.working_dir)\n",
    )
    (hosts.hosts["host-1"].home / "go").touch()

    async def adopt() -> list[tuple[RunState, str]]:
        async with engine_on(hosts) as engine:
            runs = await engine.adopt()
            for run in runs:
                await run.done.wait()
            return [(run.record.state, Path(run.record.spool).read_text()) for run in runs]

    assert (code, err) == (0, "")
    assert asyncio.run(adopt()) == [(RunState.SUCCEEDED, out)]


def test_a_clean_up_leaves_alone_what_others_run_on_the_host(hosts: SSHFarm) -> None:
    line = [sys.executable, "-m", "lazytui", "run", "-w", "host-1", "--detach", "--"]
    detached = subprocess.run(
        [*line, f"{WAIT}; echo over"], env=environment(hosts), capture_output=True, check=False
    )
    code, _out, err = run_script(
        hosts,
        "with Runtime('host-1') as runtime:\n"
        "    runtime.execute_task(RuntimeTask().run_command('sleep 600'))\n"
        "with RuntimeManager() as manager:\n"
        "    manager.create_group().execute_task(RuntimeTask().run_command('sleep 600'))\n",
    )
    (hosts.hosts["host-1"].home / "go").touch()

    async def adopt() -> list[tuple[RunState, str]]:
        async with engine_on(hosts) as engine:
            runs = await engine.adopt()
            for run in runs:
                await run.done.wait()
            return [(run.record.state, Path(run.record.spool).read_text()) for run in runs]

    assert (detached.returncode, code, err) == (0, 0, "")
    assert asyncio.run(adopt()) == [(RunState.SUCCEEDED, "over\n")]


def test_the_end_of_a_script_takes_its_exposed_ports_away(hosts: SSHFarm) -> None:
    code, out, err = run_script(
        hosts,
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "port = server.getsockname()[1]\n"
        "key = Runtime('host-1').expose_port_to_runtime(port, list(range(port + 1, port + 50)))\n"
        "exposed = int(key.rpartition('->')[2])\n"
        "socket.create_connection(('127.0.0.1', exposed)).close()\n"
        "print(exposed)\n",
    )

    assert (code, err) == (0, "")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(out)), timeout=20)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("raise SystemExit(3)", id="that exits"),
        pytest.param("raise LookupError('of the script')", id="that fails"),
        pytest.param("import os, signal; os.kill(os.getpid(), signal.SIGINT)", id="Ctrl-C"),
    ],
)
def test_a_script_that_ends_early_is_cleaned_up_after_too(hosts: SSHFarm, end: str) -> None:
    code, out, err = run_script(
        hosts,
        "group = RuntimeGroup(hosts=['host-1', 'host-2'])\n"
        "group.execute_task(RuntimeTask().run_command('sleep 600'), broadcast=True)\n"
        "print(*(runtime.working_dir for runtime in group.runtimes), flush=True)\n" + end,
    )

    assert code != 0
    assert "lazytui" not in err
    assert [Path(folder).exists() for folder in out.split()] == [False, False]


def test_a_with_block_cleans_up_at_its_end_and_says_nothing_of_its_own(hosts: SSHFarm) -> None:
    code, out, err = run_script(
        hosts,
        "import os\n"
        "with RuntimeManager() as manager:\n"
        "    group = manager.create_group()\n"
        "    folders = [runtime.working_dir for runtime in group.runtimes]\n"
        "print([os.path.exists(folder) for folder in folders])\n",
    )

    assert (code, out, err) == (0, "[False, False]\n", "")


def test_the_run_of_a_script_that_is_killed_is_adopted_by_an_engine_with_a_screen(
    hosts: SSHFarm,
) -> None:
    async def see() -> tuple[RunState, str]:
        async with engine_on(hosts, watching=True) as engine:
            code = (
                "task = RuntimeTask('train').run_command('echo begun; " + WAIT + "; echo over')\n"
                "Runtime('host-1').execute_task(task, execute_async=False, debug=True)\n"
            )
            with script(hosts, code) as process:
                assert process.stdout is not None
                assert await asyncio.to_thread(process.stdout.readline) == "host-1 | begun\n"
                process.send_signal(signal.SIGKILL)
                process.communicate()
            async with asyncio.timeout(60):
                with engine.events.subscribe() as events:
                    while not engine.runs.driven():
                        await events.drain()
                (run,) = engine.runs.driven()
                (hosts.hosts["host-1"].home / "go").touch()
                await run.done.wait()
            return run.record.state, Path(run.record.spool).read_text()

    assert asyncio.run(see()) == (RunState.SUCCEEDED, "begun\nover\n")


def test_two_scripts_and_an_engine_work_side_by_side(hosts: SSHFarm) -> None:
    code = (
        "group = RuntimeGroup(hosts=['host-1', 'host-2'])\n"
        "task = RuntimeTask().run_command('echo {0}')\n"
        "tasks = group.execute_task(task, broadcast=True)\n"
        "print([task.execution_log[0] for task in tasks])\n"
    )

    async def beside() -> int:
        async with engine_on(hosts, watching=True) as engine:
            runs = await engine.run_command("echo engine", ["host-1", "host-2"])
            with script(hosts, code.format("a")) as one, script(hosts, code.format("b")) as other:
                told = [await asyncio.to_thread(each.communicate) for each in (one, other)]
            assert told == [("['a', 'a']\n", ""), ("['b', 'b']\n", "")]
            return len(runs) + len(await engine.journal.records())

    assert asyncio.run(beside()) == 2 + 6


def test_a_host_that_vanishes_keeps_its_run_and_does_not_hold_up_the_clean_up(
    hosts: SSHFarm,
) -> None:
    code = (
        "import sys\n"
        "group = RuntimeGroup(hosts=['host-1', 'host-2'])\n"
        "group.execute_task(RuntimeTask().run_command('touch ~/up; sleep 600'), broadcast=True)\n"
        "print('up', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", BEGIN + code],
        env=environment(hosts),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        hosts.hosts["host-2"].stop()
        hosts.hosts["host-2"].kill_sessions()
        _out, err = process.communicate("\n", timeout=60)

    assert (process.returncode, err) == (0, "")


def test_a_cell_of_a_notebook_may_block(hosts: SSHFarm) -> None:
    code = (
        "import asyncio\n"
        "async def cell():\n"
        "    runtime = Runtime('host-1')\n"
        "    print(runtime.echo('from a cell'))\n"
        "asyncio.run(cell())\n"  # as a kernel does: on a loop that runs already
    )

    assert run_script(hosts, code) == (0, "from a cell\n", "")


def test_a_pool_of_workers_shares_out_the_hosts(hosts: SSHFarm) -> None:
    code = (
        "import multiprocessing as m\n"
        "def work(host):\n"
        "    return Runtime(host).echo('$HOME')\n"
        "Runtime('host-1').echo('the parent is connected')\n"
        "with m.get_context('fork').Pool(2) as pool:\n"
        "    print(*pool.map(work, ['host-1', 'host-2']))\n"
        "    pool.close(); pool.join()\n"
    )

    code_, out, err = run_script(hosts, code)

    assert (code_, err) == (0, "")
    assert out.split() == [str(host.home) for host in hosts.hosts.values()]
