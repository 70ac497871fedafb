"""``lazytui groups``: named sets of hosts."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from lazytui.commands import common
from lazytui.core.where import fold
from lazytui.errors import UsageError

if TYPE_CHECKING:
    import argparse

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


def groups(arguments: argparse.Namespace) -> int:
    """List, add or remove groups."""
    return asyncio.run(_groups(arguments))


async def _groups(arguments: argparse.Namespace) -> int:
    async with common.engine(arguments) as engine:
        if arguments.action == "add":
            name = arguments.name.removeprefix("@")
            if not NAME.fullmatch(name):
                raise UsageError(f"a group's name has letters, digits, . _ and -: not {name!r}")
            hosts = await common.select(engine, arguments.where)
            await engine.add_group(name, hosts, " ".join(arguments.where))
            print(f"@{name}: {fold(hosts)} ({len(hosts)})")
        elif arguments.action == "remove":
            name = arguments.name.removeprefix("@")
            if not await engine.remove_group(name):
                raise UsageError(f"no group @{name}")
        else:
            found = await engine.groups()
            if arguments.json:
                common.print_json([{"name": n, "hosts": hosts} for n, hosts in found.items()])
            elif found:
                rows = [[f"@{n}", str(len(hosts)), fold(hosts)] for n, hosts in found.items()]
                common.print_table([["GROUP", "HOSTS", "WHERE"], *rows], right=(1,))
            else:
                common.say("no groups yet: lazytui groups add NAME WHERE")
    return common.OK
