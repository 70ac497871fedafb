"""What only the host itself can say: is a program there, does a command say ``true``.

Filters such as ``has:docker`` and ``cmd:"test -d /data && echo true"`` select on what hosts have
answered; :meth:`lazytui.core.manager.RuntimeManager.ask_facts` asks them.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from lazytui.errors import AgentError, ConnectionLostError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from lazytui.core.agent import Agent
    from lazytui.core.where_terms import HostFacts, Members

FRESH_S = 60.0  # an answer is not asked for again before
COMMAND_S = 10.0  # what takes longer does not say true


@dataclass(frozen=True, slots=True)
class Probe:
    """A question to a host.

    Args:
        kind: ``program``: is it on the PATH; ``command``: is ``true``, in any case, the last
            line that it prints (not its exit status: that is how the filter commands of
            :meth:`RuntimeManager.create_group` have always been read).
        text: the program or the command.
    """

    kind: Literal["program", "command"]
    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The condition that a host answered one of several questions with yes."""

    probes: tuple[Probe, ...]

    def problem(self, known: AbstractSet[str], groups: Members) -> str:
        """Nothing can be missing."""
        del known, groups
        return ""

    def matches(self, facts: HostFacts, groups: Members) -> bool | None:
        """Whether one of the answers is yes; None while that is not known."""
        del groups
        answers = [facts.answer(probe) for probe in self.probes]
        if any(answers):
            return True
        return None if None in answers else False


class Probed(Protocol):
    """A host that can be asked."""

    @property
    def agent(self) -> Agent | None:
        """The agent, while the host is connected."""


class Answers:
    """What one host has answered, and when."""

    def __init__(self) -> None:
        self._known: dict[Probe, tuple[bool, float]] = {}
        self._asking = asyncio.Lock()

    def get(self, probe: Probe) -> bool | None:
        """Give the last answer; None when there is none."""
        known = self._known.get(probe)
        return None if known is None else known[0]

    def expire(self) -> None:
        """Let everything be asked again; until then the last answers hold."""
        self._known = {probe: (yes, -FRESH_S) for probe, (yes, _) in self._known.items()}

    def wants(self, host: Probed, probes: AbstractSet[Probe]) -> bool:
        """Whether :meth:`ask` would have something to do."""
        if host.agent is None:
            return not self._known.keys().isdisjoint(probes)
        return not all(map(self._is_fresh, probes))

    def _is_fresh(self, probe: Probe) -> bool:
        known = self._known.get(probe)
        return known is not None and known[1] > time.monotonic() - FRESH_S

    async def ask(self, host: Probed, probes: Iterable[Probe]) -> bool:
        """Ask the host what has not been asked for a minute, in one round trip.

        A host that is not connected, or not any more, has no answers.

        Returns:
            Whether an answer is another one than before.
        """
        async with self._asking:  # who comes second finds the answers of who came first
            agent = host.agent
            wanted = [p for p in probes if agent is None or not self._is_fresh(p)]
            before = {probe: self.get(probe) for probe in wanted}
            try:
                answers = await _ask(agent, wanted) if agent is not None else {}
            except (AgentError, ConnectionLostError):
                answers = {}
            now = time.monotonic()
            for probe in wanted:
                if (yes := answers.get(probe)) is None:
                    self._known.pop(probe, None)
                else:
                    self._known[probe] = (yes, now)
            return any(self.get(probe) != answer for probe, answer in before.items())


async def _ask(agent: Agent, probes: list[Probe]) -> dict[Probe, bool]:
    """Ask for all of it in one request."""
    programs = [probe for probe in probes if probe.kind == "program"]
    commands = [probe for probe in probes if probe.kind == "command"]
    if not programs and not commands:
        return {}
    answer = await agent.request(
        "probe",
        names=[probe.text for probe in programs],
        commands=[probe.text for probe in commands],
        timeout=COMMAND_S,
    )
    found, said = answer.get("found"), answer.get("said")
    known = {}
    if isinstance(found, dict):
        known = {probe: probe.text in found for probe in programs}
    if isinstance(said, list) and len(said) == len(commands):
        known |= {p: says_true(text) for p, text in zip(commands, said, strict=True)}
    return known


def says_true(output: object) -> bool:
    """Whether the last line of an output is ``true``, in any case."""
    lines = output.strip().splitlines() if isinstance(output, str) else []
    return bool(lines) and lines[-1].strip().casefold() == "true"
