"""The engine's Unix socket: who comes in is greeted, served by the handler of its kind, and told
when the engine ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Self

from lazytui.door.auth_sock import AuthSock
from lazytui.door.peer import Peer
from lazytui.errors import LazytuiError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lazytui.core.engine import Engine
    from lazytui.door.handlers import Handler
    from lazytui.rendezvous import Rendezvous

log = logging.getLogger(__name__)

BACKLOG = 64
LAST_WORDS_S = 2.0  # for clients to read what they were told
GOODBYE = "the engine was stopped; jobs go on at their hosts"


class Server:
    """The socket of an engine. Use it as an async context manager.

    Args:
        engine: what the clients are served with.
        listening: the socket, bound already; closed at the end.
        meeting: the files of this engine.
        handlers: who serves which kind of client.
        version: of this lazytui; clients of another are told so.
        on_stop: called when a client wants the engine to end.
    """

    def __init__(
        self,
        engine: Engine,
        listening: socket.socket,
        meeting: Rendezvous,
        handlers: Mapping[str, Handler],
        *,
        version: str,
        on_stop: Callable[[], None],
    ) -> None:
        self._engine = engine
        self._listening = listening
        self._meeting = meeting
        self._handlers = handlers
        self._version = version
        self._on_stop = on_stop
        self._group = asyncio.TaskGroup()
        self._serving: dict[asyncio.Task[None], Peer] = {}
        self._auth_sock = AuthSock(engine)
        self._ending = False
        self.somebody = asyncio.Event()
        self.nobody = asyncio.Event()
        self.nobody.set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(
            lambda: Peer(self._greeted, self._version), sock=self._listening, backlog=BACKLOG
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        with contextlib.suppress(OSError):  # before anything else: who comes now starts a new one
            await asyncio.to_thread(os.unlink, self._meeting.socket)
        self._ending = True
        peers = list(self._serving.values())
        for task in self._serving:
            task.cancel()
        await self._group.__aexit__(None, None, None)
        if peers:  # they read what they were told last, but not for ever
            await asyncio.wait([peer.gone for peer in peers], timeout=LAST_WORDS_S)
        for peer in peers:
            peer.abort()

    # -- clients

    def _greeted(self, peer: Peer) -> None:
        hello = peer.hello
        if hello.config != self._meeting.config:
            peer.refuse("config", f"this engine serves {self._meeting.config}")
        elif hello.kind == "stop":
            peer.welcome()
            peer.hold()
            log.info("pid %d asks the engine to end", hello.pid)
            self._on_stop()
        elif hello.version != self._version:
            peer.refuse(
                "version",
                f"the engine that runs (pid {os.getpid()}) is lazytui {self._version}, this is "
                f"{sanitize(hello.version)}; `lazytui stop-engine` ends it, and jobs go on",
            )
        elif hello.kind not in self._handlers:
            peer.refuse("kind", f"this engine does not know {sanitize(hello.kind)!r}")
        else:
            self._serve(peer, self._handlers[hello.kind])

    def _serve(self, peer: Peer, handler: Handler) -> None:
        peer.welcome()
        task = self._group.create_task(self._served(peer, handler), name=f"client {peer.hello.pid}")
        self._serving[task] = peer
        self.nobody.clear()
        self.somebody.set()
        self._auth_sock.came(peer)
        task.add_done_callback(self._left)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._auth_sock.left(self._serving.pop(task))
        if not self._serving:
            self.somebody.clear()
            self.nobody.set()

    async def _served(self, peer: Peer, handler: Handler) -> None:
        """Serve one client; whatever goes wrong ends this client only."""
        try:
            peer.exit(await handler(self._engine, peer))
        except asyncio.CancelledError:
            # Otherwise its own Ctrl-C, or it is gone.
            peer.exit(*((1, GOODBYE) if self._ending else (128 + signal.SIGINT, "")))
        except LazytuiError as error:
            peer.exit(1, sanitize(str(error)))
        except Exception as error:
            log.exception("serving pid %d (%s) failed", peer.hello.pid, peer.hello.kind)
            peer.exit(1, f"this ended with an error: {sanitize(repr(error))}; the log has more")


def bind(path: str) -> socket.socket:
    """Make the socket of an engine that holds the lock: a former one's is removed.

    Args:
        path: where; its folder is the state folder, or a private one in the temporary folder.

    Raises:
        LazytuiError: it cannot be made, or the folder could be somebody else's.
    """
    made = socket.socket(socket.AF_UNIX)
    # Nobody but the user may connect, also not between the making and a chmod.
    umask = os.umask(0o177)
    try:
        _private_folder(Path(path).parent)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108 - a name as it came
        made.bind(path)
    except OSError as error:
        made.close()
        raise LazytuiError(f"the socket {path} cannot be made: {error.strerror}") from error
    except LazytuiError:
        made.close()
        raise
    finally:
        os.umask(umask)
    return made


def _private_folder(folder: Path) -> None:
    os.umask(0o077)
    folder.mkdir(mode=0o700, exist_ok=True)
    os.umask(0o177)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise LazytuiError(f"{folder} is not a folder of yours; remove it, or set XDG_STATE_HOME")
    if stat.S_IMODE(found.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        raise LazytuiError(f"{folder} can be written by others; run: chmod 700 {folder}")
