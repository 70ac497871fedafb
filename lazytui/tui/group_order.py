"""The fields of a group's sheet, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.groups import choose_hosts, group_name, read_query
from lazytui.core.where import fold
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.groups import Group
    from lazytui.core.where import Where
    from lazytui.tui.context import EngineView

FIXED, LIVE = "fixed", "live"


@dataclass(frozen=True, slots=True)
class GroupDraft:
    """The fields as they are typed.

    Args:
        name: with or without ``@``.
        kind: :data:`FIXED` or :data:`LIVE`.
        where: which hosts.
    """

    name: str = ""
    kind: str = FIXED
    where: str = ""


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """What a group shall be: ``hosts`` for ever, or with ``query`` whoever fits."""

    name: str
    where: str
    hosts: tuple[str, ...]
    query: Where | None


def draft_of(group: Group) -> GroupDraft:
    """Give the fields of a group that is kept already."""
    where = group.where if group.live else fold(group.hosts)
    return GroupDraft(f"@{group.name}", LIVE if group.live else FIXED, where)


def hosts_of(draft: GroupDraft, engine: EngineView, own_name: str = "") -> Sequence[str]:
    """Give the hosts that the fields mean now.

    Args:
        draft: the fields.
        engine: knows the hosts and the groups.
        own_name: the group that is changed, which cannot be made of itself.

    Raises:
        UsageError: they cannot be read, or name a host or group that does not exist.
    """
    if not draft.where.strip():
        raise UsageError("say which hosts: gpu[01-04], @group - gpu04, gpu>=1 mem>32G")
    runtimes = list(engine.runtimes.values())
    groups = {group.name: group.hosts for group in engine.groups_now()}
    if draft.kind == FIXED:
        return choose_hosts(draft.where, runtimes, groups)
    query = read_query(draft.where)
    if own_name in query.group_names:
        raise UsageError(f"@{own_name} cannot be made of @{own_name} itself")
    return query.select(runtimes, groups)


def order_of(draft: GroupDraft, engine: EngineView, own_name: str = "") -> GroupOrder:
    """Read the fields.

    Args:
        draft: the fields.
        engine: knows the hosts and the groups.
        own_name: the group that is changed; empty for a new one.

    Raises:
        UsageError: there is no such name or host, or the name is another group's.
    """
    name = group_name(draft.name)
    if name != own_name and any(group.name == name for group in engine.groups_now()):
        raise UsageError(f"there is a group @{name} already")
    hosts = tuple(hosts_of(draft, engine, own_name))
    if draft.kind == LIVE:
        return GroupOrder(name, draft.where.strip(), hosts, read_query(draft.where))
    if not hosts:
        raise UsageError("no host matches")
    return GroupOrder(name, draft.where.strip(), hosts, None)


async def keep(order: GroupOrder, engine: EngineView, old_name: str = "") -> None:
    """Have the engine keep a group, under another name than before where that is so."""
    if old_name and old_name != order.name:
        await engine.rename_group(old_name, order.name)
    if order.query is None:
        await engine.add_group(order.name, order.hosts, order.where)
    else:
        await engine.add_query(order.name, order.where)
        await engine.ask_facts(order.query)
