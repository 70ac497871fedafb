"""Questions of the engine that only the user can answer: an unknown host key, a password.

They wait in a queue and never come up by themselves; who asks for them gets one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lazytui.tui.keymap import bindings
from lazytui.tui.questions import distinct
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.secret import SecretScreen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import App

    from lazytui.tui.context import EngineView, QuestionView
    from lazytui.tui.messages import EngineChanged
    from lazytui.tui.screens.secret import Typed

# The answer of who wants to see the next question first; no choice has so long a key.
NEXT = "next question"


class QuestionScreen(ChoiceScreen, inherit_bindings=False):
    """Shows one question. No answer is highlighted: trust is given by meaning it.

    Goes away by itself when somebody else has answered.

    Args:
        engine: whose question it is.
        question: what is asked.
        place: which of how many; empty when it is the only one.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("question",)
    BINDINGS = bindings("question")

    def __init__(self, engine: EngineView, question: QuestionView, place: str) -> None:
        super().__init__(question.title, question.lines, question.choices, aside=place)
        self._engine = engine
        self._question_id = question.id

    def on_engine_changed(self, message: EngineChanged) -> None:
        """Leave when the question waits no more."""
        waits = any(question.id == self._question_id for question in self._engine.questions)
        if message.changes.questions and not waits:
            self.leave()
        self.show_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The next question is there when more than one waits."""
        if action == "skip":
            return len(distinct(self._engine.questions)) > 1
        return super().check_action(action, parameters)

    def action_skip(self) -> None:
        """Show the next question; this one goes on waiting."""
        self.leave(NEXT)


class Asking:
    """Asks the user one waiting question after the other, until told to stop.

    Args:
        app: on whose screen.
        engine: whose questions.
    """

    def __init__(self, app: App[None], engine: EngineView) -> None:
        self._app = app
        self._engine = engine
        # The engine takes an answered question from its list a moment later.
        self._answered: set[str] = set()
        self._skipped: set[str] = set()

    def ask(self) -> None:
        """Ask the first question that is neither answered nor skipped; else begin again."""
        waiting = [
            alike for alike in distinct(self._engine.questions) if alike[0].id not in self._answered
        ]
        if not waiting:
            return
        place = next((n for n, q in enumerate(waiting) if q[0].id not in self._skipped), -1)
        if place < 0:
            self._skipped.clear()
            place = 0
        aside = f"{place + 1} of {len(waiting)}" if len(waiting) > 1 else ""
        alike = waiting[place]
        if alike[0].fields:
            screen = SecretScreen(self._engine, alike[0], aside)
            self._app.push_screen(screen, lambda typed: self._typed(screen, alike[0], typed))
            return
        self._app.push_screen(
            QuestionScreen(self._engine, alike[0], aside), lambda key: self._decided(alike, key)
        )

    def _typed(self, screen: SecretScreen, question: QuestionView, typed: Typed | None) -> None:
        if typed is not None:
            self._answered.add(question.id)
            self._engine.reply(question.id, typed.texts, remember=typed.remember, share=typed.share)
        elif screen.skips:
            self._skipped.add(question.id)
        else:
            return
        self.ask()

    def _decided(self, alike: Sequence[QuestionView], key: str | None) -> None:
        if key is None:
            return
        if key == NEXT:
            self._skipped.update(question.id for question in alike)
        else:
            self._answered.update(question.id for question in alike)
            for question in alike:
                self._engine.answer(question.id, key)
        self.ask()
