"""The exposures of an engine: it holds them, heals them, and remembers them in the journal."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from lazytui.core.audit import Deed
from lazytui.core.background import Background
from lazytui.core.events import ExposureChanged, GroupsChanged, RuntimeChanged
from lazytui.core.exposure_check import check, listening_hosts
from lazytui.core.exposure_model import Exposure, ExposureState
from lazytui.core.exposure_news import ExposureNews
from lazytui.core.exposure_ports import suggestions
from lazytui.core.exposure_setup import ExposureSetup
from lazytui.core.exposure_store import ExposureRecord, ExposureStore
from lazytui.core.exposure_test import test_exposure
from lazytui.core.exposure_title import title
from lazytui.core.owner import owner_alive
from lazytui.errors import JournalError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.deeds import Deeds
    from lazytui.core.events import EventBus
    from lazytui.core.exposure_live import LiveExposure
    from lazytui.core.exposure_model import ExposureSpec, Suggestion, TestResult
    from lazytui.core.groups import Groups
    from lazytui.core.journal import Journal
    from lazytui.core.manager import RuntimeManager
    from lazytui.core.needs import Hold, Needs

log = logging.getLogger(__name__)

MEMBERS_EVERY_S = 1.0  # between two looks at who is in a group


class Exposures:
    """All exposures of a user; those that this process holds are kept up. An async context.

    Args:
        journal: where they are kept.
        manager: knows the hosts.
        groups: the kept groups.
        events: where changes are published.
        deeds: where they are noted.
        needs: an engine that holds exposures stays for them.
        owner: who we are, in the journal.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        manager: RuntimeManager,
        groups: Groups,
        events: EventBus,
        deeds: Deeds,
        needs: Needs,
        owner: str,
    ) -> None:
        self._needs = needs
        self._holds: dict[int, Hold] = {}
        self._store = ExposureStore(journal)
        self._manager = manager
        self._groups = groups
        self._events = events
        self._deeds = deeds
        self._owner = owner
        self._live: dict[int, LiveExposure] = {}
        self._records: dict[int, ExposureRecord] = {}
        self._background = Background()
        spawn = self._background.spawn
        self._news = ExposureNews(self._store, events, self._live, spawn)
        self._setup = ExposureSetup(manager.connected, self._live, self._news, spawn)
        self._following: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._background.__aenter__()
        self._background.spawn(self._news.keep_noting(), "states of exposures")
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Take all down; definitions stay, to be taken up at the next start."""
        lives = dict(self._live)
        self._live.clear()
        await asyncio.gather(*(live.close() for live in lives.values()))
        await self._background.__aexit__(None, None, None)
        for number in lives:
            with contextlib.suppress(JournalError):  # who is dead holds nothing, either
                await self._store.release(number)

    # -- how they are

    @property
    def held(self) -> int:
        """How many are held by this process: it must live for them."""
        return len(self._live)

    def all(self) -> list[Exposure]:
        """Give all that are known, the oldest first; see :meth:`load` for those of others."""
        return [self._shown(number) for number in sorted({*self._records, *self._live})]

    async def load(self) -> list[Exposure]:
        """Read the journal again, then give all, the oldest first."""
        self._records = {record.spec.id: record for record in await self._store.all()}
        for number in self._live.keys() - self._records.keys():
            await self._drop(number)  # another process has removed it
        return self.all()

    def get(self, number: int) -> Exposure:
        """Give one.

        Raises:
            UsageError: there is none of that number.
        """
        self._known(number)
        return self._shown(number)

    def find(self, text: str) -> Exposure:
        """Give the one that is meant by a number or a name.

        Raises:
            UsageError: none is, or several are.
        """
        if text.isascii() and text.isdigit() and int(text) in {*self._records, *self._live}:
            return self._shown(int(text))
        found = [each for each in self.all() if each.spec.name == text]
        if len(found) != 1:
            many = f"{len(found)} exposures are named" if found else "no exposure"
            raise UsageError(f"{many} {text} (lazytui ports lists them)")
        return found[0]

    # -- changes

    async def add(self, spec: ExposureSpec, choices: Sequence[int] | None = None) -> Exposure:
        """Set up an exposure and keep it: everywhere it shall be, or nowhere.

        Args:
            spec: the definition; its id is given here.
            choices: ports of which the first that are free everywhere become the reachable ones;
                by default those of the definition, and no others.

        Raises:
            ValueError: it cannot be meant.
            PortInUseError: a port is taken; nothing is left of the exposure.
            NoPortsLeftError: too few of the choices are free.
            ExposureError: a host cannot be reached, or does not allow it; nothing is left.
        """
        check(spec, self._manager.knows)
        live = await self._up_for(spec, choices)
        try:
            number = await self._store.add(live.spec, self._owner)
        except BaseException:
            await live.close()
            raise
        live.spec = replace(live.spec, id=number)
        await self._hold(live)
        await self._deeds.note(Deed.EXPOSED, title(live.spec), self._shown(number).hosts)
        return self._shown(number)

    async def change(
        self, number: int, spec: ExposureSpec, choices: Sequence[int] | None = None
    ) -> Exposure:
        """Replace the definition of an exposure.

        One that is up is set up anew where its way changes, with a short gap; if that cannot be
        done, it goes on as it was. One that is off stays off.

        Args:
            number: which one.
            spec: the definition; its id does not matter.
            choices: see :meth:`add`; one that is off takes the first.

        Raises:
            UsageError: there is none of that number, or another process holds it.
            ValueError, PortInUseError, NoPortsLeftError, ExposureError: see :meth:`add`.
        """
        if self.get(number).holder:
            raise UsageError(f"exposure {number} is held by another process: change it there")
        spec = replace(spec, id=number)
        check(spec, self._manager.knows)
        async with self._changing:
            live = self._live.get(number)
            if live is None:
                if choices is not None:
                    spec = spec.with_ports(tuple(choices[: len(spec.services)]))
                await self._store.set_spec(number, spec)
            elif choices is None and spec == replace(live.spec, name=spec.name, auto=spec.auto):
                await self._store.set_spec(number, spec)
                live.spec = spec
            else:
                await self._replace(live, spec, choices)
            await self.load()
        self._events.publish(ExposureChanged(number))
        await self._deeds.note(Deed.EXPOSED, title(self.get(number).spec), self.get(number).hosts)
        return self.get(number)

    async def remove(self, number: int) -> None:
        """End an exposure and forget it.

        Raises:
            UsageError: there is none of that number.
        """
        shown = self.get(number)
        async with self._changing:
            await self._drop(number)
            await self._store.remove(number)
            self._records.pop(number, None)
        self._events.publish(ExposureChanged(number))
        await self._deeds.note(Deed.UNEXPOSED, title(shown.spec), shown.hosts)

    async def start(self, number: int) -> Exposure:
        """Set up an exposure that is off: everywhere it shall be, or nowhere.

        Raises:
            UsageError: there is none of that number, or another process holds it.
            PortInUseError, ExposureError: somewhere it could not be set up.
        """
        self._known(number)
        if number in self._live:
            return self._shown(number)
        async with self._changing:
            record = await self._claimed(number)
            if record is None:
                raise UsageError(f"exposure {number} is held by another process, or gone")
            try:
                hosts = listening_hosts(record.spec, await self._members(record.spec))
                live = await self._setup.up(record.spec, hosts, record)
            except BaseException:
                await self._store.release(number)
                raise
            await self._hold(live)
        return self._shown(number)

    async def restart(self, number: int) -> None:
        """Try an exposure that is up again from the beginning; what cannot be is tried again.

        Raises:
            UsageError: this process does not hold it.
        """
        self._known(number)
        async with self._changing:
            if number not in self._live:
                raise UsageError(f"exposure {number} is not up here")
            await self._drop(number)
            await self._restore(number)

    async def stop(self, number: int) -> None:
        """Take an exposure down and keep its definition.

        Raises:
            UsageError: there is none of that number.
        """
        self._known(number)
        async with self._changing:
            if number in self._live:
                await self._drop(number)
                await self._store.release(number)
                await self._store.note_state(number, ExposureState.OFF, "")
                await self.load()
        self._events.publish(ExposureChanged(number))

    async def set_auto(self, number: int, auto: bool) -> None:
        """Say whether an exposure is taken up at the next start.

        Raises:
            UsageError: there is none of that number.
        """
        self._known(number)
        await self._store.set_auto(number, auto)
        if (live := self._live.get(number)) is not None:
            live.spec = replace(live.spec, auto=auto)
        await self.load()
        self._events.publish(ExposureChanged(number))

    async def restore(self) -> None:
        """Take up what shall be up and nobody alive holds; what cannot be is tried again."""
        try:
            known = await self.load()
        except JournalError as error:
            log.warning("exposures are not taken up: %s", error)
            return
        for exposure in known:
            if exposure.spec.auto and exposure.id not in self._live and not exposure.holder:
                async with self._changing:
                    await self._restore(exposure.id)

    # -- looking

    async def test(self, number: int) -> list[TestResult]:
        """Try each listener of an exposure from its client's side to the service.

        Raises:
            UsageError: this process does not hold it.
        """
        self._known(number)
        if number not in self._live:
            raise UsageError(f"exposure {number} is not up here: nothing to test")
        return await test_exposure(self._live[number], self._manager.runtime)

    async def suggestions(self, host: str) -> list[Suggestion]:
        """List the ports that listen on a host and are not exposed from it yet.

        Raises:
            ConnectError: the host cannot be reached.
            AgentError, ConnectionLostError: it did not answer.
        """
        runtime = self._manager.connected(host)
        agent = await runtime.reach()
        return await suggestions(agent, host, self.all(), ssh_port=runtime.options.port)

    # -- inside

    def _shown(self, number: int) -> Exposure:
        if (live := self._live.get(number)) is not None:
            return live.snapshot()
        record = self._records[number]
        if record.owner and record.owner != self._owner and owner_alive(record.owner):
            return Exposure(
                record.spec,
                holder=record.owner,
                held_state=record.state,
                held_reason=record.reason,
            )
        return Exposure(record.spec)

    def _known(self, number: int) -> None:
        if number not in self._records and number not in self._live:
            raise UsageError(f"no exposure {number} (lazytui ports lists them)")

    async def _members(self, spec: ExposureSpec) -> dict[str, list[str]]:
        if not spec.group:
            return {}
        await self._groups.load()
        return self._groups.members()

    async def _up_for(self, spec: ExposureSpec, choices: Sequence[int] | None) -> LiveExposure:
        hosts = listening_hosts(spec, await self._members(spec))
        if choices is None:
            return await self._setup.up(spec, hosts)
        return await self._setup.up_somewhere(spec, hosts, choices)

    async def _replace(
        self, old: LiveExposure, spec: ExposureSpec, choices: Sequence[int] | None
    ) -> None:
        """Set up another definition in the place of one that is up, or have that again."""
        number = old.spec.id
        listening_hosts(spec, await self._members(spec))  # it can be meant
        await self._drop(number)  # the new one may want its ports
        try:
            live = await self._up_for(spec, choices)
            try:
                await self._store.set_spec(number, live.spec)
            except BaseException:
                await live.close()
                raise
        except BaseException:
            await self._restore(number)
            raise
        await self._hold(live)

    async def _hold(self, live: LiveExposure) -> None:
        self._live[live.spec.id] = live
        self._holds[live.spec.id] = self._needs.hold(f"exposure {title(live.spec)}")
        if live.spec.group and self._following is None:
            self._following = self._background.spawn(self._follow_groups(), "members of exposures")
        self._news.state_changed(live)
        self._records[live.spec.id] = ExposureRecord(live.spec, self._owner)
        if live.sessions:
            await self._store.note_sessions(live.spec.id, live.sessions)

    async def _restore(self, number: int) -> None:
        record = await self._claimed(number)
        if record is None:
            return
        live = self._setup.make(record.spec, record)
        members = await self._members(record.spec)
        live.resume(listening_hosts(record.spec, members, lenient=True))
        await self._hold(live)

    async def _claimed(self, number: int) -> ExposureRecord | None:
        return await self._store.claim(number, self._owner, owner_alive)

    async def _drop(self, number: int) -> None:
        live = self._live.pop(number, None)
        self._news.forget(number)
        if live is not None:
            self._holds.pop(number).release()
            await live.close()
            self._events.publish(ExposureChanged(number))

    # -- groups that grow

    async def _follow_groups(self) -> None:
        """Give exposures to those who join a group, and take them from those who leave."""
        with self._events.subscribe() as events:
            while True:
                news = await events.drain()
                if any(isinstance(event, GroupsChanged | RuntimeChanged) for event in news):
                    self._fit_members()
                await asyncio.sleep(MEMBERS_EVERY_S)

    def _fit_members(self) -> None:
        lives = [live for live in self._live.values() if live.spec.group]
        members = self._groups.members() if lives else {}
        for live in lives:
            hosts = listening_hosts(live.spec, members, lenient=True)
            if set(hosts) != set(live.targets):
                live.set_targets(hosts)
