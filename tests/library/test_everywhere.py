"""Where the library is used: threads, notebooks, forked workers, and the end of Python."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lazytui import FunctionSendError, Runtime, RuntimeGroup, RuntimeManager
from tests.engines import environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm

BEGIN = "from lazytui import Runtime, RuntimeGroup, RuntimeManager, RuntimeTask\n"


def run(hosts: SSHFarm, tmp_path: Path, code: str) -> tuple[int, str, str]:
    """Run a script, as a file, to its end; gives its status and what it printed."""
    script = tmp_path / "script.py"
    script.write_text(BEGIN + code)
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment(hosts),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_two_threads_at_once_have_a_runtime_and_a_task_each(hosts: SSHFarm, tmp_path: Path) -> None:
    code = """
import threading
said = {}
gate = threading.Barrier(2)  # both are at work when one begins
def work(host):
    runtime = Runtime(host)
    gate.wait()
    task = RuntimeTask().run_command("echo $HOME").run_function(lambda: host)
    runtime.execute_task(task, execute_async=False)
    said[host] = [task.execution_log[0].split("/")[-2], *task.function_returns]
threads = [threading.Thread(target=work, args=[host]) for host in ("host-1", "host-2")]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(said.items()))
"""
    expected = "[('host-1', ['host-1', 'host-1']), ('host-2', ['host-2', 'host-2'])]\n"
    assert run(hosts, tmp_path, code) == (0, expected, "")


def test_a_thread_that_outlives_the_main_one_works_to_its_end(
    hosts: SSHFarm, tmp_path: Path
) -> None:
    code = """
import threading
runtime = Runtime("host-1")
main = threading.current_thread()
def work():
    main.join()  # the main thread is over
    print(runtime.echo("still at work"))
threading.Thread(target=work).start()
"""
    assert run(hosts, tmp_path, code) == (0, "still at work\n", "")


def test_cells_of_a_notebook_block_on_a_loop_that_runs(hosts: SSHFarm, tmp_path: Path) -> None:
    # As ipykernel does: each cell is compiled under a name of its own and executed, in the
    # module __main__, from a task of the one loop of the kernel.
    code = """
import asyncio, inspect
cells = [
    "runtime = Runtime('host-1')\\nprint(runtime.echo('first'))",
    "def triple(n):\\n    return 3 * n\\ntask = runtime.execute_function(triple, n=14)",
    "print(list(task.function_returns))",
    "import asyncio; await asyncio.sleep(0); print(runtime.echo('awaited'))",
]
async def kernel():
    for number, cell in enumerate(cells):
        flags = __import__("ast").PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(cell, f"/tmp/ipykernel_1/{number}.py", "exec", flags)
        done = eval(code, globals())
        if inspect.iscoroutine(done):
            await done
asyncio.run(kernel())
"""
    assert run(hosts, tmp_path, code) == (0, "first\n[42]\nawaited\n", "")


# --- forked workers ----------------------------------------------------------------------------

FORKED = """
import os
REFUSED = "task parents on host-1 was started by another process"
runtime = Runtime("host-1")
group = RuntimeGroup([runtime])
task = RuntimeTask("parents").run_command("until [ -e ~/go ]; do sleep 0.05; done; echo done")
group.execute_task(task)
process = task.process
if os.fork() == 0:
    def tell(do):
        try:
            return do()
        except RuntimeError as error:
            return "refused" if REFUSED in str(error) else error
    print([tell(do) for do in (
        lambda: task.execution_log[0],
        lambda: list(task.function_returns),
        lambda: list(runtime.function_returns),
        lambda: list(group.function_returns),
        lambda: task.join(),
        lambda: process.join(),
        lambda: process.terminate(),
        lambda: task.print_log(),
    )])
    print(runtime.echo("own"), group.get_runtime().echo("own"), Runtime("host-2").echo("own"))
    import lazytui
    lazytui.close()
    __import__("sys").stdout.flush()
    os._exit(0)
os.wait()
open(os.path.expanduser("~/../hosts/host-1/home/go"), "w").close()
print(task.execution_log, runtime.echo("parent"))
"""


def test_a_forked_worker_has_connections_of_its_own_and_is_told_what_is_its_parent_s(
    hosts: SSHFarm, tmp_path: Path
) -> None:
    code, out, err = run(hosts, tmp_path, FORKED)

    assert (code, err) == (0, "")
    assert out.splitlines() == [repr(["refused"] * 8), "own own own", "['done'] parent"]


def test_an_exposed_port_stays_with_the_process_that_exposed_it(
    hosts: SSHFarm, tmp_path: Path
) -> None:
    code = """
import os, socket
runtime = Runtime("host-1")
server = socket.create_server(("127.0.0.1", 0))
port = server.getsockname()[1]
key = runtime.expose_port_to_runtime(port, list(range(port + 1, port + 50)))
process = runtime.get_process(key)
if os.fork() == 0:
    for do in (process.join, process.terminate):
        try:
            do()
        except RuntimeError as error:
            print("was exposed by another process" in str(error))
    __import__("sys").stdout.flush()
    os._exit(0)
os.wait()
print(process.is_alive())
process.terminate()
print(process.is_alive())
"""
    assert run(hosts, tmp_path, code) == (0, "True\nTrue\nTrue\nFalse\n", "")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_work_however_they_are_started(
    hosts: SSHFarm, tmp_path: Path, method: str
) -> None:
    code = f"""
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
def work(host):
    return Runtime(host).echo("from a worker")
if __name__ == "__main__":
    Runtime("host-1").echo("the parent is connected")
    context = multiprocessing.get_context("{method}")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        print(*pool.map(work, ["host-2"]))
"""
    assert run(hosts, tmp_path, code) == (0, "from a worker\n", "")


# --- the end of Python -------------------------------------------------------------------------

TOO_LATE = "RuntimeError: Python is ending, and lazytui is closed already: ask it before the end"


def test_what_atexit_calls_may_still_ask(hosts: SSHFarm, tmp_path: Path) -> None:
    code = """
import atexit
runtime = Runtime("host-1")
def last():
    task = RuntimeTask().run_command("echo at the").run_function(lambda: "end")
    runtime.execute_task(task, execute_async=False)
    print(task.execution_log[0], *task.function_returns)
atexit.register(last)
"""
    assert run(hosts, tmp_path, code) == (0, "at the end\n", "")


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(
            "import atexit\natexit.register(lambda: Runtime('host-1'))", id="first used in atexit"
        ),
        pytest.param(
            "class Late:\n    runtime = Runtime('host-1')\n"
            "    def __del__(self): self.runtime.echo('late')\nlate = Late()",
            id="__del__",
        ),
    ],
)
def test_who_asks_too_late_is_told_so(hosts: SSHFarm, tmp_path: Path, code: str) -> None:
    _status, out, err = run(hosts, tmp_path, code)

    assert (out, TOO_LATE in err) == ("", True)


@pytest.mark.leaves_nothing
def test_a_clean_up_at_the_very_end_finds_all_clean(hosts: SSHFarm, tmp_path: Path) -> None:
    code = """
import atexit
runtime, manager = Runtime("host-1"), RuntimeManager()
group, task = manager.create_group(), RuntimeTask().run_command("sleep 600")
group.execute_task(task, broadcast=True)
for each in (runtime, group, manager, task):
    atexit.register(each.cleanup)
class Late:
    def __del__(self): runtime.cleanup()
late = Late()
"""
    assert run(hosts, tmp_path, code) == (0, "", "")


def test_everything_may_be_cleaned_up_twice_and_used_again(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")
    manager = RuntimeManager()
    group = manager.create_group()
    task = runtime.execute_function(lambda: 1)

    for held in (runtime, group, manager, task) * 2:
        held.cleanup()

    assert runtime.echo("again") == "again"
    assert [member.echo("again") for member in group.runtimes] == ["again", "again"]
    assert manager.create_group().hosts == ["host-1", "host-2"]


# --- what stays here ---------------------------------------------------------------------------


def test_what_holds_connections_is_neither_pickled_nor_copied(hosts: SSHFarm) -> None:
    runtime = Runtime("host-1")

    for held in (runtime, RuntimeGroup([runtime]), RuntimeManager()):
        with pytest.raises(TypeError, match="holds connections of this process and cannot be sent"):
            pickle.dumps(held)
        with pytest.raises(TypeError, match="send the names of its hosts"):
            copy.deepcopy(held)
    with pytest.raises(FunctionSendError, match=r"runtime.*<Runtime 'host-1'> holds connections"):
        runtime.execute_function(lambda: runtime.host)
