"""``lazytui groups``: named sets of hosts, fixed or live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.commands import common
from lazytui.core.groups import group_name
from lazytui.core.where import fold
from lazytui.errors import UsageError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.commands.call import Call
    from lazytui.core.engine import Engine
    from lazytui.core.groups import Group


async def groups(call: Call) -> int:
    """List, add, rename or remove groups."""
    arguments = call.arguments
    if arguments.offline and not arguments.action:
        await _list_offline(call)
        return common.OK
    async with call.engine() as engine:
        match arguments.action:
            case "add":
                await _add(call, engine)
            case "rename":
                await engine.rename_group(arguments.old, arguments.new)
            case "remove":
                if not await engine.remove_group(arguments.name):
                    raise UsageError(f"no group @{arguments.name.removeprefix('@')}")
            case _:
                await engine.learn()
                _list(call, engine.kept_groups.now())
    return common.OK


async def _add(call: Call, engine: Engine) -> None:
    arguments = call.arguments
    name = group_name(arguments.name)
    if not arguments.live:
        hosts = await common.select(engine, arguments.where)
        await engine.add_group(name, hosts, " ".join(arguments.where))
        call.print(f"@{name}: {fold(hosts)} ({len(hosts)})")
        return
    where = common.parse(arguments.where)
    if where is None:
        raise UsageError("say which hosts, such as 'gpu>=1'")
    # A misspelled host is told now: later it would just be missing from the group.
    where.select(list(engine.runtimes.values()), await engine.groups())
    await engine.add_query(name, where.lasting_text)
    call.print(f"@{name}: {where.lasting_text} (live)")


def _list(call: Call, groups: Sequence[Group]) -> None:
    """Print groups with who is in them now."""
    if call.arguments.json:
        call.print_json([_object(group) for group in groups])
        return
    if not groups:
        call.say("no groups yet: lazytui groups add NAME WHERE")
        return
    rows = [["GROUP", "HOSTS", "WHERE"]]
    rows += [[f"@{g.name}", str(len(g.hosts)), sanitize(fold(g.hosts))] for g in groups]
    _print_with_queries(call, rows, groups)


async def _list_offline(call: Call) -> None:
    """Print what is known without connecting: of a live group its name and its query."""
    config = await call.config()
    groups = common.kept_groups([common.Listed(entry.alias) for entry in config.entries])
    if call.arguments.json:
        call.print_json([_object(g) | ({"hosts": None} if g.live else {}) for g in groups])
        return
    rows = [["GROUP", "WHERE"]]
    rows += [[f"@{g.name}", "-" if g.live else sanitize(fold(g.hosts))] for g in groups]
    _print_with_queries(call, rows, groups)


def _print_with_queries(call: Call, rows: list[list[str]], groups: Sequence[Group]) -> None:
    if any(group.live for group in groups):
        cells = (sanitize(group.where) if group.live else "" for group in groups)
        rows = [[*row, cell] for row, cell in zip(rows, ["LIVE", *cells], strict=True)]
    call.print_table(rows, right=(1,) if rows[0][1] == "HOSTS" else ())
    for group in groups:
        if group.problem:
            call.say(f"@{group.name}: {group.problem}")


def _object(group: Group) -> dict[str, object]:
    return {
        "name": group.name,
        "hosts": list(group.hosts),
        "live": group.live,
        "where": group.where,
        "problem": group.problem or None,
    }
