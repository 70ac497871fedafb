"""Parts of clusters by themselves: what a scheduler may answer, and a guarded program."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lazytui.clusters.local import guarded
from lazytui.clusters.scheduler import ask_scheduler

if TYPE_CHECKING:
    from pathlib import Path

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"


async def answered(answer: bytes) -> int:
    """Serve one answer to every question; gives the port of a server that ends with the test."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return int(server.sockets[0].getsockname()[1])


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage",
        b"HTTP/1.1 404 Not Found\r\n\r\n{}",
        OK + b"no json",
        OK + b"[1]",
        OK + b"{}",
        OK + b'{"workers": 7}',
        OK + b"\xff\xfe",
        OK + b'{"workers": {}, "tasks": 1e999}',
        OK + b'{"workers": {"tcp://127.0.0.1:1": {"metrics": {"memory": Infinity}}}}',
        OK + b'{"workers": ' + b"[" * 100_000,
    ],
    ids=lambda answer: f"{len(answer)} bytes",
)
async def test_what_is_no_scheduler_is_an_error_and_nothing_worse(answer: bytes) -> None:
    with pytest.raises((OSError, ValueError)):
        await ask_scheduler(await answered(answer))


async def test_odd_facts_of_a_worker_are_taken_as_unknown_and_made_harmless() -> None:
    facts = await ask_scheduler(
        await answered(
            OK + b'{"tasks": "many", "workers": {"tcp://127.0.0.1:1": {"nthreads": null,'
            b' "metrics": [], "status": "\\u001b[31mpaused"}, "tcp://127.0.0.1:2": 3}}'
        )
    )

    assert facts.tasks is None
    first, second = facts.workers.values()
    assert first.threads == second.threads == 0
    assert first.memory is None
    assert "\x1b" not in first.doing
    assert second.doing == "idle"


@pytest.mark.parametrize("end", ["stdin", "kill"])
def test_a_guarded_program_ends_with_its_guard(tmp_path: Path, end: str) -> None:
    if end == "kill" and sys.platform != "linux":
        pytest.skip("only Linux tells a child that its parent was killed")
    fifo = tmp_path / "fifo"
    subprocess.run(["mkfifo", str(fifo)], check=True)
    program = ["/bin/sh", "-c", f'exec 3>"{fifo}"; echo up >&3; exec sleep 1000']
    with subprocess.Popen(guarded(program), stdin=subprocess.PIPE) as guard:
        with fifo.open() as told:
            assert told.readline() == "up\n"
            if end == "stdin":
                assert guard.stdin is not None
                guard.stdin.close()
            else:
                guard.kill()
            assert told.read() == ""  # its last writer is gone
        guard.wait(timeout=30)
