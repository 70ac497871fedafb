"""What stands in for MongoDB and Hyperopt, and what the tests of clusters know of processes."""

from __future__ import annotations

import stat
from pathlib import Path

HOSTS = ["node1", "node2", "node3"]

# A stand-in, no database: it listens, which is all that shows a mongod to be alive.
MONGOD = """#!/usr/bin/env python3
import socket, sys
port = int(sys.argv[sys.argv.index("--port") + 1])
with socket.create_server(("127.0.0.1", port)) as server:
    while True:
        server.accept()[0].close()
"""

WORKER = '#!/bin/sh\necho "worker $*"; exec sleep 1000\n'


def program(folder: Path, name: str, text: str) -> None:
    """Put a program into a folder that is on the PATH."""
    path = folder / name
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def processes(*words: str) -> list[int]:
    """Find processes by words of their command lines; only networks are apart, not processes."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            continue  # it has ended
        if all(word in line for word in words):
            found.append(int(folder.name))
    return found
