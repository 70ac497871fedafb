"""The groups that are kept by name: fixed hosts, or a query whose members change with the facts."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.audit import Deed
from lazytui.core.events import GroupsChanged
from lazytui.core.where import parse_where
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lazytui.core.deeds import Deeds
    from lazytui.core.events import EventBus
    from lazytui.core.journal import Journal
    from lazytui.core.journal_db import GroupRecord
    from lazytui.core.manager import RuntimeManager
    from lazytui.core.probes import Probe
    from lazytui.core.where import HostFacts, Where

# How often hosts that came up are asked what queries want to know; answers hold for longer.
ASK_EVERY_S = 5.0

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Group:
    """A group as it is now.

    Args:
        name: without the ``@``.
        where: how its members were chosen, or are chosen anew each time.
        live: they are chosen anew each time.
        hosts: its members.
        problem: why a query has no members; empty when it can be read.
    """

    name: str
    where: str
    live: bool
    hosts: tuple[str, ...]
    problem: str = ""


def group_name(text: str) -> str:
    """Read the name of a group, with or without its ``@``.

    Raises:
        UsageError: it cannot be one.
    """
    name = text.strip().removeprefix("@")
    if not _NAME.fullmatch(name):
        raise UsageError(
            "a group's name begins with a letter and has letters, digits, . _ and -: "
            f"not {name[:80]!r}"
        )
    return name


def read_query(text: str) -> Where:
    """Read the WHERE of a live group, in which bare words are fuzzy as on the screens.

    Raises:
        UsageError: it does not parse.
    """
    return parse_where(text, bare_words="fuzzy")


def evaluate(records: Iterable[GroupRecord], hosts: Sequence[HostFacts]) -> list[Group]:
    """Give groups with the members they have now.

    Args:
        records: as the journal has them.
        hosts: all hosts there are, with what is known of them.
    """
    members = _Members({record.name: record for record in records}, hosts)
    return members.all()


class Groups:
    """The groups of a user. What other programs change is seen by :meth:`load`.

    Args:
        journal: where they are kept.
        manager: knows the hosts.
        events: where changes are published.
        deeds: where they are noted.
    """

    def __init__(
        self, journal: Journal, manager: RuntimeManager, events: EventBus, deeds: Deeds
    ) -> None:
        self._journal = journal
        self._manager = manager
        self._events = events
        self._deeds = deeds
        self._records: dict[str, GroupRecord] = {}

    async def load(self) -> list[Group]:
        """Read the groups from the journal; gives them as they are now, by name."""
        self._records = {record.name: record for record in await self._journal.groups()}
        return self.now()

    def now(self) -> list[Group]:
        """Give the groups that are known, with the members they have at this moment."""
        return evaluate(self._records.values(), list(self._manager.known.values()))

    def members(self) -> dict[str, list[str]]:
        """Give the members that each group has at this moment."""
        return {group.name: list(group.hosts) for group in self.now()}

    # -- what queries ask

    def probes(self, where: Where | None = None) -> frozenset[Probe]:
        """What hosts must be asked for a WHERE and the queries it names; for all of them."""
        return frozenset(probe for part in self._parts(where) for probe in part.probes)

    def needs_facts(self, where: Where | None = None) -> bool:
        """Whether hosts must be detected before a WHERE selects, also for a query it names."""
        return any(part.needs_facts for part in self._parts(where))

    def _parts(self, where: Where | None) -> Iterable[Where]:
        """Give a WHERE and all queries it leads to; without one, all queries."""
        seen: set[str] = set()
        waiting = list(self._records) if where is None else sorted(where.group_names)
        if where is not None:
            yield where
        while waiting:
            name = waiting.pop()
            record = self._records.get(name)
            if name in seen or record is None or record.hosts is not None:
                continue
            seen.add(name)
            try:
                query = read_query(record.where)
            except UsageError:
                continue  # the group itself says so
            yield query
            waiting += query.group_names

    async def keep_asking(self) -> None:
        """Have hosts answer what the queries want to know, also those that come up later."""
        while True:
            if probes := self.probes():
                await self._manager.probe(probes)
            await asyncio.sleep(ASK_EVERY_S)

    # -- changes

    async def keep(self, name: str, hosts: Sequence[str], where: str) -> Group:
        """Keep fixed hosts under a name; a group of that name becomes this one.

        Args:
            name: with or without ``@``.
            hosts: the members.
            where: how they were chosen, to be shown.

        Raises:
            UsageError: it cannot be the name of a group.
        """
        return await self._keep(group_name(name), where, hosts)

    async def keep_query(self, name: str, where: str) -> Group:
        """Keep a WHERE under a name; its members are those for which it holds at any time.

        Raises:
            UsageError: it does not parse, names an unknown group, or leads back to itself.
        """
        name = group_name(name)
        query = read_query(where)
        if not query.terms:
            raise UsageError("a query has at least one term, such as gpu>=1 or gpu*")
        if problem := self._problem(name, query):
            raise UsageError(problem)
        return await self._keep(name, where, None)

    def _problem(self, name: str, query: Where) -> str:
        """Say what would be wrong with a query under a name."""
        known = dict.fromkeys([*self._records, name], frozenset[str]())
        for term in query.terms:
            if problem := term.test.problem(frozenset(self._manager.known), known):
                return problem
        through: set[str] = set()
        waiting = list(query.group_names)
        while waiting:
            other = waiting.pop()
            if other == name:
                return f"@{name} cannot be made of @{name} itself"
            record = self._records.get(other)
            if other in through or record is None or record.hosts is not None:
                continue
            through.add(other)
            waiting += _names_in(record.where)
        return ""

    async def _keep(self, name: str, where: str, hosts: Sequence[str] | None) -> Group:
        await self._journal.add_group(name, where, None if hosts is None else list(hosts))
        group = await self._changed(name)
        assert group is not None
        kind = "live" if hosts is None else "kept"
        await self._deeds.note(Deed.GROUP_CHANGED, f"@{name}", group.hosts, f"{kind}: {where}")
        return group

    async def rename(self, old: str, new: str) -> None:
        """Give a group another name, also in the queries that speak of it.

        Raises:
            UsageError: there is none of the old name, or one of the new.
        """
        old, new = old.removeprefix("@"), group_name(new)
        await self.load()
        if (record := self._records.get(old)) is None:
            raise UsageError(f"no group @{old}")
        if new == old:
            return
        if new in self._records:
            raise UsageError(f"there is a group @{new} already")
        # The old name goes last: should this end half way, no query is left without its group.
        await self._journal.add_group(new, record.where, record.hosts)
        for other in self._records.values():
            if other.hosts is None and old in _names_in(other.where):
                text = read_query(other.where).renamed(old, new)
                await self._journal.add_group(other.name, text, None)
        await self._journal.remove_group(old)
        await self._changed(new)
        await self._deeds.note(Deed.GROUP_CHANGED, f"@{new}", (), f"was @{old}")

    async def remove(self, name: str) -> bool:
        """Forget a group; False when there is none of that name."""
        name = name.removeprefix("@")
        removed = await self._journal.remove_group(name)
        await self._changed(name)
        if removed:
            await self._deeds.note(Deed.GROUP_CHANGED, f"@{name}", (), "removed")
        return removed

    async def _changed(self, name: str) -> Group | None:
        groups = await self.load()
        self._events.publish(GroupsChanged())
        return next((group for group in groups if group.name == name), None)


class _Members:
    """Finds the members of groups that may be made of each other, each once."""

    def __init__(self, records: Mapping[str, GroupRecord], hosts: Sequence[HostFacts]) -> None:
        self._records = records
        self._hosts = hosts
        self._found: dict[str, Group] = {}
        self._way: list[str] = []  # the queries that are being read

    def all(self) -> list[Group]:
        return [self.group(name) for name in self._records]

    def group(self, name: str) -> Group:
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._read(self._records[name])
        return found

    def _read(self, record: GroupRecord) -> Group:
        if record.hosts is not None:
            return Group(record.name, record.where, live=False, hosts=record.hosts)
        try:
            hosts = tuple(self._select(record))
        except UsageError as error:
            return Group(record.name, record.where, live=True, hosts=(), problem=str(error))
        return Group(record.name, record.where, live=True, hosts=hosts)

    def _select(self, record: GroupRecord) -> list[str]:
        query = read_query(record.where)
        if record.name in self._way:
            circle = " > ".join(f"@{name}" for name in [*self._way, record.name])
            raise UsageError(f"a group is made of itself: {circle}")
        self._way.append(record.name)
        try:
            named = [self.group(name) for name in query.group_names if name in self._records]
        finally:
            self._way.pop()
        for group in named:
            if group.problem:
                raise UsageError(f"@{group.name}: {group.problem}")
        return query.select(self._hosts, {group.name: group.hosts for group in named})


def _names_in(where: str) -> frozenset[str]:
    try:
        return read_query(where).group_names
    except UsageError:
        return frozenset()


def choose_hosts(
    text: str, hosts: Sequence[HostFacts], groups: Mapping[str, Sequence[str]]
) -> list[str]:
    """Read which hosts a person means: exact names and node sets, else fuzzy words.

    Raises:
        UsageError: it can be read in neither way, or names an unknown group.
    """
    try:
        return parse_where(text, bare_words="exact").select(hosts, groups)
    except UsageError:
        return read_query(text).select(hosts, groups)
