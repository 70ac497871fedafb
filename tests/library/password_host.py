"""A host that lets in who knows its password: an asyncssh server that runs commands for real.

A real sshd checks passwords against the accounts of the machine, which a test leaves alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncssh

from lazytui.demo.server import _Commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class PasswordHost:
    """Where it listens; ``tried`` are the passwords that came."""

    home: Path
    password: str
    port: int = 0
    public_key: str = ""
    tried: list[str] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Give the environment of its commands."""
        return {"HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}


class _Guard(asyncssh.SSHServer):
    def __init__(self, host: PasswordHost) -> None:
        self._host = host

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._host.tried.append(password)
        return password == self._host.password


@contextlib.contextmanager
def password_host(home: Path, password: str) -> Iterator[PasswordHost]:
    """Be such a host, on a loop in a thread of its own."""
    host, ready, over = PasswordHost(home, password), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        key = asyncssh.generate_private_key("ssh-ed25519")
        server = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Guard(host),
            server_host_keys=[key],
            process_factory=_Commands(host, "guarded").run,  # type: ignore[arg-type]
            encoding=None,
            line_editor=False,
        )
        host.port = server.get_port()
        host.public_key = key.export_public_key().decode().strip()
        ready.set()
        await over.wait()
        server.close()
        await server.wait_closed()
        sessions = asyncio.all_tasks() - {asyncio.current_task()}
        if sessions:  # their connections are closed by the test: their commands end
            await asyncio.wait(sessions, timeout=20)

    thread = threading.Thread(target=loop.run_until_complete, args=[serve()])
    thread.start()
    try:
        assert ready.wait(20)
        yield host
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
