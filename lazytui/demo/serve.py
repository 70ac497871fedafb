"""The process behind a demo: ``python -m lazytui.demo.serve ROOT HOSTS``.

It prints ``ready`` when all pretend hosts listen, and ends when its stdin is closed: so it ends
with its parent, however that ended. Then it removes everything, its own folder included.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

import asyncssh

from lazytui.demo.cast import Answer, PretendHost, cast
from lazytui.demo.server import pretend_host
from lazytui.demo.stage import Stage
from lazytui.demo.sweep import sweep
from lazytui.demo.vitals import Vitals

HOSTS_PER_S = 100  # how many hosts' numbers are written in a second, at most


def main() -> None:
    """Serve until stdin is closed or SIGTERM comes; then sweep up."""
    root, hosts = Path(sys.argv[1]), int(sys.argv[2])
    try:
        asyncio.run(_serve(Stage(root), cast(hosts)))
    finally:
        sweep(root)


async def _serve(stage: Stage, hosts: list[PretendHost]) -> None:
    stop = _end_of_parent()
    client_key = _write_client_key(stage)
    stage.furnish()
    for host in hosts:
        stage.host(host.name).build(host)
    async with AsyncExitStack() as stack:
        entries = [
            await stack.enter_async_context(pretend_host(host, stage.host(host.name), client_key))
            for host in hosts
        ]
        stage.write_config(entries)
        vitals = [_vitals(stage, host) for host in hosts if host.answer is Answer.WELL]
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await _keep_moving(vitals, stop)


def _end_of_parent() -> asyncio.Event:
    """An event that is set when the parent has closed our stdin, or by SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_stdin() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            stop.set()

    loop.add_reader(0, on_stdin)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    return stop


def _write_client_key(stage: Stage) -> str:
    stage.client_key.parent.mkdir(parents=True, mode=0o700)
    key = asyncssh.generate_private_key("ssh-ed25519", comment="lazytui-demo")
    stage.client_key.touch(mode=0o600)
    key.write_private_key(stage.client_key)
    return key.export_public_key().decode("ascii")


def _vitals(stage: Stage, host: PretendHost) -> Vitals:
    folder = stage.host(host.name)
    return Vitals(host, folder.proc, folder.gpu_table, time.monotonic())


async def _keep_moving(vitals: list[Vitals], stop: asyncio.Event) -> None:
    """Write everybody's numbers about once a second, until the end."""
    interval_s = max(1.0, len(vitals) / HOSTS_PER_S)

    def write_all() -> None:
        for each in vitals:
            each.write(time.monotonic())

    while not stop.is_set():
        try:
            async with asyncio.timeout(interval_s):
                await stop.wait()
        except TimeoutError:
            await asyncio.to_thread(write_all)


if __name__ == "__main__":
    main()
