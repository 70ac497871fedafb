"""The pretend hosts: reached by the real ssh, alive, and gone without a trace."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
import pytest

from lazytui.demo.cluster import DemoCluster, demo_cluster
from lazytui.demo.sweep import sweep
from lazytui.errors import UsageError
from tests.leftovers import is_alive, processes_naming
from tests.services import say, service, shout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WELL = ["cpu01", "cpu02", "cpu03", "db01", "gpu01", "gpu02"]
BOOT = b"print('up %d' % sys.version_info[0], flush=True); sys.stdin.read()"

needs_ssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh on this machine")


@pytest.fixture
async def cluster() -> AsyncIterator[DemoCluster]:
    """The eight pretend hosts."""
    async with demo_cluster() as cluster:
        yield cluster


async def ssh(
    cluster: DemoCluster, host: str, command: str, data: bytes = b""
) -> tuple[int, bytes, bytes]:
    """Run the real ssh: exit status, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        *("ssh", "-F", str(cluster.config), "-o", "BatchMode=yes", "-o", "ConnectTimeout=1"),
        *("-o", "StrictHostKeyChecking=yes", host, command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(data)
    assert process.returncode is not None
    return process.returncode, out, err


def wait_until_gone(root: Path) -> None:
    """Wait until a demo's folder and processes are gone (another process removes them)."""
    deadline = time.monotonic() + 20
    while root.exists() or processes_naming(root):
        assert time.monotonic() < deadline, f"left: {root.exists()} {processes_naming(root)}"
        time.sleep(0.02)


# --- as the real ssh sees it -----------------------------------------------------------------


@needs_ssh
async def test_six_hosts_answer_one_refuses_and_one_is_silent(cluster: DemoCluster) -> None:
    names = [*WELL, "gpu03", "node07"]

    answers = await asyncio.gather(*(ssh(cluster, name, "echo $HOME") for name in names))

    homes = {out for _, out, _ in answers[:6]}
    assert [status for status, _, _ in answers] == [0] * 6 + [255, 255]
    assert len(homes) == 6
    assert b"timed out" in answers[6][2]
    assert b"Connection refused" in answers[7][2]


@needs_ssh
async def test_bytes_and_exit_status_are_exact(cluster: DemoCluster) -> None:
    every_byte = bytes(range(256)) * 4000

    status, out, err = await ssh(cluster, "cpu02", "cat; echo oops >&2; exit 9", every_byte)

    assert (status, out, err) == (9, every_byte, b"oops\n")


@needs_ssh
async def test_no_byte_of_the_input_is_lost_when_many_come_at_once(cluster: DemoCluster) -> None:
    sent = bytes(1_000_000)

    counted = await asyncio.gather(*(ssh(cluster, "cpu02", "wc -c", sent) for _ in range(12)))

    assert {int(out) for _, out, _ in counted} == {len(sent)}


@needs_ssh
async def test_a_command_that_never_reads_its_stdin_still_ends_well(
    cluster: DemoCluster,
) -> None:
    assert (await ssh(cluster, "cpu02", "exit 4", bytes(5_000_000)))[0] == 4


@needs_ssh
async def test_the_gpus_are_those_of_the_host_and_of_no_other(cluster: DemoCluster) -> None:
    query = "nvidia-smi --query-gpu=name,memory.total --format=csv,noheader,nounits"

    _, first, _ = await ssh(cluster, "gpu01", query)
    _, second, _ = await ssh(cluster, "gpu02", "nvidia-smi -L")
    none, nothing, _ = await ssh(cluster, "cpu01", query)

    assert first == b"NVIDIA A100-SXM4-80GB, 81920\n" * 2
    assert second.count(b"RTX 4090 (UUID: GPU-") == 4
    assert (none != 0, nothing) == (True, b"")


@needs_ssh
async def test_nvidia_smi_has_header_and_units_unless_told_and_knows_its_fields(
    cluster: DemoCluster,
) -> None:
    _, out, _ = await ssh(cluster, "gpu01", "nvidia-smi --query-gpu=memory.total --format=csv")
    status, _, _ = await ssh(cluster, "gpu01", "nvidia-smi --query-gpu=colour --format=csv")

    assert out == b"memory.total\n81920 MiB\n81920 MiB\n"
    assert status == 2


@needs_ssh
async def test_the_scripts_of_the_readme_run(cluster: DemoCluster) -> None:
    trained, listing, failed = await asyncio.gather(
        ssh(cluster, "gpu01", "python3 train.py 1"),
        ssh(cluster, "cpu01", "cat README; sh -n bench.sh"),
        ssh(cluster, "db01", "sed -i /sleep/d backup.sh; sh backup.sh"),
    )

    assert trained[0] == 0
    assert trained[1].count(b"\r") > 10
    assert trained[1].endswith(b"saved model.pt\n")
    assert listing[0] == 0
    assert b"train.py" in listing[1]
    assert (failed[0], b"No space left" in failed[2]) == (3, True)


# --- as lazytui sees it ----------------------------------------------------------------------


async def test_an_agents_exec_line_starts_the_interpreter_and_its_source_follows_on_stdin(
    cluster: DemoCluster,
) -> None:
    line = f"exec python3 -I -S -c 'import sys;exec(sys.stdin.buffer.read({len(BOOT)}))'"

    async with asyncssh.connect("gpu01", config=[str(cluster.config)]) as connection:
        process = await connection.create_process(line, encoding=None)
        process.stdin.write(BOOT)
        first = await process.stdout.readline()
        process.stdin.write_eof()
        done = await process.wait()

    assert (first, done.exit_status) == (b"up 3\n", 0)


async def test_a_command_killed_by_a_signal_says_so(cluster: DemoCluster) -> None:
    async with asyncssh.connect("cpu01", config=[str(cluster.config)]) as connection:
        done = await connection.run("kill -KILL $$", encoding=None)

    assert done.exit_signal is not None
    assert done.exit_signal[0] == "KILL"


async def test_a_lost_connection_ends_what_reads_stdin(cluster: DemoCluster) -> None:
    async with asyncssh.connect("cpu01", config=[str(cluster.config)]) as connection:
        process = await connection.create_process("echo $$; cat", encoding=None)
        pid = int(await process.stdout.readline())
        connection.abort()
        await connection.wait_closed()

    async with asyncio.timeout(20):
        while is_alive(pid):
            await asyncio.sleep(0.02)


async def test_a_lost_connection_hangs_up_on_what_prints(cluster: DemoCluster) -> None:
    async with asyncssh.connect("cpu01", config=[str(cluster.config)]) as connection:
        process = await connection.create_process("echo $$; exec yes", encoding=None)
        pid = int(await process.stdout.readline())
        connection.abort()
        await connection.wait_closed()

    async with asyncio.timeout(20):
        while is_alive(pid):
            await asyncio.sleep(0.02)


async def test_ports_are_forwarded_to_and_from_the_loopback_and_nothing_else(
    cluster: DemoCluster,
) -> None:
    async with (
        asyncssh.connect("gpu01", config=[str(cluster.config)]) as connection,
        service(shout) as port,
    ):
        near = await connection.forward_local_port("127.0.0.1", 0, "127.0.0.1", port)
        far = await connection.forward_remote_port("127.0.0.1", 0, "127.0.0.1", port)
        answers = [await say(each.get_port(), b"x") for each in (near, far)]
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_connection("192.0.2.1", 80)
        with pytest.raises(asyncssh.ChannelListenError):
            await connection.forward_remote_port("0.0.0.0", 0, "127.0.0.1", port)

    assert answers == [b"X<end>"] * 2


async def test_the_numbers_of_a_host_move(cluster: DemoCluster) -> None:
    stat = cluster.home.parent / "hosts" / "cpu01" / "proc" / "stat"
    before = stat.read_text()

    async with asyncio.timeout(20):
        while stat.read_text() == before:
            await asyncio.sleep(0.05)


async def test_the_task_in_the_home_runs_on_pretend_hosts(cluster: DemoCluster) -> None:
    words = ("-F", str(cluster.config), "run", "--task", "words.toml")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lazytui", *words),
        cwd=cluster.home,
        env={**os.environ, **cluster.environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()

    assert process.returncode == 0, err
    assert out.count(b"lengths of words: {3: 400, 4: 400}") == 2
    for host in ("cpu01", "cpu02"):
        got = (cluster.home / "results" / host / "top.txt").read_text()
        assert got.split() == ["400", "ssh", "400", "tmux"]


async def test_the_environment_keeps_all_of_lazytuis_files_in_the_demo(
    cluster: DemoCluster,
) -> None:
    assert cluster.config.is_relative_to(cluster.home)
    assert Path(cluster.environ["HOME"]) == cluster.home
    assert all(Path(v).is_relative_to(cluster.home) for v in cluster.environ.values())
    assert (cluster.home / ".ssh" / "id_ed25519").stat().st_mode & 0o077 == 0


# --- the end ---------------------------------------------------------------------------------


async def test_nothing_is_left_after_the_demo_not_even_a_detached_job() -> None:
    detach = "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!"
    async with demo_cluster(2) as cluster:
        async with asyncssh.connect("cpu01", config=[str(cluster.config)]) as connection:
            pid = int((await connection.run(detach, encoding=None)).stdout or 0)
        assert is_alive(pid)

    assert not is_alive(pid)
    assert not cluster.home.parent.exists()
    assert processes_naming(cluster.home.parent) == []


async def test_an_error_inside_passes_through_and_nothing_is_left() -> None:
    with pytest.raises(ZeroDivisionError):
        async with demo_cluster(1) as cluster:
            raise ZeroDivisionError

    assert not cluster.home.parent.exists()


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT"])
def test_nothing_is_left_when_lazytui_is_killed(name: str) -> None:
    program = (
        "import asyncio\n"
        "from lazytui.demo.cluster import demo_cluster\n"
        "async def main():\n"
        "    async with demo_cluster(3) as cluster:\n"
        "        print(cluster.home.parent, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    lazytui = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert lazytui.stdout is not None
    root = Path(lazytui.stdout.readline().decode().strip())
    assert root.is_dir()

    os.kill(lazytui.pid, signal.Signals[name])
    lazytui.wait(20)

    wait_until_gone(root)


async def test_the_folder_is_removed_when_the_servers_were_killed() -> None:
    async with demo_cluster(2) as cluster:
        root = cluster.home.parent
        [server] = [p for p in processes_naming(root) if "lazytui.demo.serve" in p.command]
        os.kill(server.pid, signal.SIGKILL)

    assert not root.exists()


def test_sweeping_spares_processes_that_only_mention_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    (root / "hosts").mkdir(parents=True)
    innocent = subprocess.Popen(["sleep", "600"], env={"HOME": str(root / "home")})

    sweep(root)

    assert innocent.poll() is None
    assert not root.exists()
    innocent.kill()
    innocent.wait()


@pytest.mark.parametrize("hosts", [0, -1, 501])
async def test_a_demo_of_no_or_too_many_hosts_is_a_usage_error(hosts: int) -> None:
    with pytest.raises(UsageError, match="1 to 500"):
        async with demo_cluster(hosts):
            pass


async def test_a_hundred_hosts_are_all_in_the_config() -> None:
    async with demo_cluster(100) as cluster:
        names = [
            line.split()[1]
            for line in cluster.config.read_text().splitlines()
            if line.startswith("Host ")
        ]
        async with asyncssh.connect(names[-1], config=[str(cluster.config)]) as connection:
            done = await connection.run("echo here", encoding=None)

    assert len(set(names)) == 100
    assert done.stdout == b"here\n"


async def test_a_shell_has_a_terminal_of_the_clients_size_that_follows_it(cluster):
    async with asyncssh.connect("cpu01", config=[str(cluster.config)]) as connection:
        shell = await connection.create_process(
            term_type="xterm-256color", term_size=(91, 33), encoding=None
        )
        await shell.stdout.readuntil(b"cpu01$ ")
        shell.stdin.write(b"stty size; echo $TERM\n")
        said = await shell.stdout.readuntil(b"33 91\r\nxterm-256color\r\ncpu01$ ")
        assert b"33 91" in said
        shell.change_terminal_size(70, 20)
        shell.stdin.write(b"stty size; exit 3\n")
        await shell.stdout.readuntil(b"20 70\r\n")
        assert (await shell.wait()).exit_status == 3
