"""The questions of an engine that wait for a person: whoever answers first answers for all."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from lazytui.core.audit import Deed
from lazytui.core.deeds import Deeds, acting_from, origin_now
from lazytui.core.events import QuestionsChanged
from lazytui.ssh.credentials import Reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lazytui.core.events import EventBus
    from lazytui.core.runtime import Runtime
    from lazytui.ssh.credentials import Question


class QuestionQueue(ABC):
    """The part of an engine that asks. The engine sets what is declared here.

    Attributes:
        questions: those that wait, the oldest first.
    """

    events: EventBus
    origin: str
    _deeds: Deeds

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self._answers: dict[str, asyncio.Future[tuple[str | Reply, str]]] = {}

    @property
    @abstractmethod
    def runtimes(self) -> Mapping[str, Runtime]:
        """All hosts of the ssh config, by alias."""

    @abstractmethod
    def runtime(self, host: str) -> Runtime:
        """Give the runtime of a host."""

    async def ask(self, question: Question) -> str | Reply | None:
        """Put a question into the queue and wait until somebody answers it."""
        answer: asyncio.Future[tuple[str | Reply, str]] = asyncio.Future()
        self._answers[question.id] = answer
        self.questions.append(question)
        question.waiting.add(question.host)
        for host in question.waiting:
            self.runtime(host).ask(question)
        self.events.publish(QuestionsChanged())
        try:
            choice, origin = await answer
            with acting_from(origin):  # this is the task of the connection, not of who answered
                await self._answered(question, choice)
            return choice
        finally:
            del self._answers[question.id]
            self.questions.remove(question)
            for host in question.waiting:
                self.runtime(host).ask(None)
            self.events.publish(QuestionsChanged())

    def joined(self, question: Question, host: str) -> None:
        """Another host waits for the answer to a question that is being asked."""
        self.runtime(host).ask(question)
        self.events.publish(QuestionsChanged())

    def later(self, question_id: str) -> None:
        """Let a question wait; its hosts count as inactive meanwhile, and hold nobody up."""
        for question in self.questions:
            if question.id == question_id:
                for runtime in self._held_up_by(question):
                    own = runtime.host in question.waiting
                    who = "" if own else f"{question.host} "
                    runtime.postpone(f"{who}asks {question.wants}")

    def now(self, question_id: str) -> None:
        """Somebody is going to answer a question that was left for later: wait for it again."""
        for question in self.questions:
            if question.id == question_id:
                for runtime in self._held_up_by(question):
                    runtime.wait_on()

    def _held_up_by(self, question: Question) -> list[Runtime]:
        """Give the hosts that wait for an answer, with those behind them."""
        hosts = [
            runtime
            for runtime in self.runtimes.values()
            if not runtime.settled or runtime.is_postponed
            if not question.waiting.isdisjoint((runtime.host, *runtime.jumps))
        ]
        known = {runtime.host for runtime in hosts}
        return hosts + [self.runtime(host) for host in question.waiting if host not in known]

    async def _answered(self, question: Question, choice: str | Reply) -> None:
        """Note an answer by which a host is trusted."""
        labels: dict[object, str] = dict(question.choices)
        if question.kind == "hostkey" and choice in labels and choice != question.refusal:
            key = question.lines[0] if question.lines else ""
            await self._deeds.note(Deed.KEY_ACCEPTED, key, [question.host], labels[choice])

    def answer(self, question_id: str, answer: str | Reply) -> None:
        """Answer a waiting question; one that is gone already is ignored.

        Args:
            question_id: which.
            answer: the key of a choice, or what was typed into the fields.
        """
        waiting = self._answers.get(question_id)
        if waiting is not None and not waiting.done():
            waiting.set_result((answer, origin_now(self.origin)))

    def reply(
        self, question_id: str, texts: Sequence[str], *, remember: bool = False, share: bool = False
    ) -> None:
        """Answer a question with fields; see :class:`lazytui.ssh.credentials.Reply`."""
        self.answer(question_id, Reply(tuple(texts), remember, share))
