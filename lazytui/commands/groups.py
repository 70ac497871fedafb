"""``lazytui groups``: named sets of hosts, fixed or live."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lazytui.commands import common
from lazytui.core.groups import group_name
from lazytui.core.where import fold
from lazytui.errors import UsageError
from lazytui.text import sanitize

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from lazytui.core.engine import Engine
    from lazytui.core.groups import Group


def groups(arguments: argparse.Namespace) -> int:
    """List, add, rename or remove groups."""
    if arguments.offline and not arguments.action:
        _list_offline(arguments)
    else:
        asyncio.run(_groups(arguments))
    return common.OK


async def _groups(arguments: argparse.Namespace) -> None:
    async with common.engine(arguments) as engine:
        match arguments.action:
            case "add":
                await _add(engine, arguments)
            case "rename":
                await engine.rename_group(arguments.old, arguments.new)
            case "remove":
                if not await engine.remove_group(arguments.name):
                    raise UsageError(f"no group @{arguments.name.removeprefix('@')}")
            case _:
                await engine.learn()
                _list(engine.kept_groups.now(), as_json=arguments.json)


async def _add(engine: Engine, arguments: argparse.Namespace) -> None:
    name = group_name(arguments.name)
    if not arguments.live:
        hosts = await common.select(engine, arguments.where)
        await engine.add_group(name, hosts, " ".join(arguments.where))
        print(f"@{name}: {fold(hosts)} ({len(hosts)})")
        return
    where = common.parse(arguments.where)
    if where is None:
        raise UsageError("say which hosts, such as 'gpu>=1'")
    # A misspelled host is told now: later it would just be missing from the group.
    where.select(list(engine.runtimes.values()), await engine.groups())
    await engine.add_query(name, where.lasting_text)
    print(f"@{name}: {where.lasting_text} (live)")


def _list(groups: Sequence[Group], *, as_json: bool) -> None:
    """Print groups with who is in them now."""
    if as_json:
        common.print_json([_object(group) for group in groups])
        return
    if not groups:
        common.say("no groups yet: lazytui groups add NAME WHERE")
        return
    rows = [["GROUP", "HOSTS", "WHERE"]]
    rows += [[f"@{g.name}", str(len(g.hosts)), sanitize(fold(g.hosts))] for g in groups]
    _print_with_queries(rows, groups)


def _list_offline(arguments: argparse.Namespace) -> None:
    """Print what is known without connecting: of a live group its name and its query."""
    config = common.load_config(arguments)
    groups = common.kept_groups([common.Listed(entry.alias) for entry in config.entries])
    if arguments.json:
        common.print_json([_object(g) | ({"hosts": None} if g.live else {}) for g in groups])
        return
    rows = [["GROUP", "WHERE"]]
    rows += [[f"@{g.name}", "-" if g.live else sanitize(fold(g.hosts))] for g in groups]
    _print_with_queries(rows, groups)


def _print_with_queries(rows: list[list[str]], groups: Sequence[Group]) -> None:
    if any(group.live for group in groups):
        cells = (sanitize(group.where) if group.live else "" for group in groups)
        rows = [[*row, cell] for row, cell in zip(rows, ["LIVE", *cells], strict=True)]
    common.print_table(rows, right=(1,) if rows[0][1] == "HOSTS" else ())
    for group in groups:
        if group.problem:
            common.say(f"@{group.name}: {group.problem}")


def _object(group: Group) -> dict[str, object]:
    return {
        "name": group.name,
        "hosts": list(group.hosts),
        "live": group.live,
        "where": group.where,
        "problem": group.problem or None,
    }
