"""Print as JSON how many seconds after the start of detection each host was known.

The key "" holds how long the process had been starting up until then.

Used by bench_detect.py: SSH_CONFIG WHERE...
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import psutil

from lazytui.core.engine import Engine
from lazytui.core.paths import Paths
from lazytui.core.settings import Settings
from lazytui.core.where import expand
from lazytui.ssh.config import SSHConfig


async def main() -> None:
    paths = Paths.of_user()
    paths.create()
    times = {}
    started = time.time()
    times[""] = started - psutil.Process().create_time()
    async with Engine(SSHConfig.load(Path(sys.argv[1])), Settings(), paths) as engine:

        async def known(host: str) -> None:
            await engine.connected(host).wait_settled()
            times[host] = time.time() - started

        await asyncio.gather(*(known(host) for where in sys.argv[2:] for host in expand(where)))
    print(json.dumps(times))


asyncio.run(main())
