"""The engine as a process of its own: ``python -m lazytui.door.process --tell FD SSH_CONFIG``.

Started by :func:`lazytui.pump.connect.start`. It detaches, takes the lock, tells the file FD
``ready`` (or what is wrong), and lives until it is told to end, or nobody needs it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from lazytui import __version__
from lazytui.clusters.registry import ClusterRegistry
from lazytui.commands.common import log_to
from lazytui.core import settings as settings_file
from lazytui.core.engine import Engine
from lazytui.core.paths import Paths
from lazytui.door.handlers import handlers
from lazytui.door.lock import take_lock
from lazytui.door.server import Server, bind
from lazytui.door.terminals import prepare
from lazytui.errors import LazytuiError
from lazytui.rendezvous import meeting_point
from lazytui.ssh.config import SSHConfig
from lazytui.text import sanitize

if TYPE_CHECKING:
    import socket

    from lazytui.rendezvous import Rendezvous

log = logging.getLogger("lazytui.door.process")  # not __main__, as which it runs


def main() -> int:
    """Be the engine; gives the exit status."""
    parser = argparse.ArgumentParser(prog="lazytui-engine")
    parser.add_argument("--tell", type=int, required=True, metavar="FD")
    parser.add_argument("config", metavar="SSH_CONFIG")
    arguments = parser.parse_args()
    # Nobody's child and no session's leader: no end of a terminal reaches it.
    if os.fork():
        os._exit(0)
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.set_inheritable(arguments.tell, False)
    with os.fdopen(arguments.tell, "w", encoding="utf-8", errors="replace") as tell:
        return _be(arguments.config, tell)


def _be(config: str, tell: TextIO) -> int:
    """Live, and say to whoever waits for the start what became of it."""
    try:
        with contextlib.suppress(OSError):  # it pins no file system
            os.chdir(Path.home())
        paths = Paths.of_user()
        paths.create()
        log_to(paths.log_file)
        for handler in logging.getLogger("lazytui").handlers:  # what it has to say is a fault
            logging.getLogger("asyncio").addHandler(handler)
        prepare()
        meeting = meeting_point(config)
        lock = take_lock(meeting.lock)
        with bind(meeting.socket) as listening:
            asyncio.run(_live(meeting, paths, listening, tell))
        os.close(lock)
    except LazytuiError as error:
        log.error("%s", error)
        return _failed(tell, str(error))
    except Exception as error:
        log.exception("the engine ends with an error")
        return _failed(tell, f"the engine failed: {error!r}; the log has more")
    return 0


def _failed(tell: TextIO, why: str) -> int:
    if not tell.closed:
        # Nobody may wait any more, and what it has to say may be in any bytes.
        with contextlib.suppress(OSError):
            tell.write(sanitize(why))
            tell.close()
    return 1


async def _live(meeting: Rendezvous, paths: Paths, listening: socket.socket, tell: TextIO) -> None:
    """Run the engine until it is told to end, or nobody needs it."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # One that is named must be there; the user's own need not.
    named = None if meeting.config == meeting_point().config else Path(meeting.config)
    config = await asyncio.to_thread(SSHConfig.load, named)
    settings, problems = settings_file.load()
    made = Engine(config, settings, paths, config_path=_shown(meeting.config), problems=problems)
    async with made as engine, ClusterRegistry(engine) as clusters:
        await engine.adopt()
        engine.watch_config()
        await engine.exposures.restore()
        await clusters.take_over()
        server = Server(
            engine, listening, meeting, handlers(), version=__version__, on_stop=stop.set
        )
        async with server:
            log.info("engine %s serves %s", __version__, meeting.config)
            with contextlib.suppress(OSError):
                tell.write("ready")
                tell.close()
            await _until_over(engine, server, stop)
        log.info("the engine ends")


async def _until_over(engine: Engine, server: Server, stop: asyncio.Event) -> None:
    told = asyncio.ensure_future(stop.wait())
    idle = asyncio.ensure_future(until_idle(engine, server, engine.settings.engine.linger_s))
    try:
        await asyncio.wait((told, idle), return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        idle.cancel()


async def until_idle(engine: Engine, server: Server, linger_s: float) -> None:
    """Wait until nobody is attached, and nothing needs the engine.

    Args:
        engine: tells what needs it.
        server: tells who is attached.
        linger_s: seconds of patience with those who have just left.
    """
    with engine.events.subscribe() as events:
        while True:
            await server.nobody.wait()
            if engine.needed():
                await events.drain()
                continue
            try:
                async with asyncio.timeout(linger_s):
                    await server.somebody.wait()
            except TimeoutError:
                if server.nobody.is_set() and not engine.needed():
                    return


def _shown(config: str) -> str:
    """Give the ssh config as the user knows it."""
    home = f"{Path.home()}/"
    return f"~/{config.removeprefix(home)}" if config.startswith(home) else config


if __name__ == "__main__":
    sys.exit(main())
