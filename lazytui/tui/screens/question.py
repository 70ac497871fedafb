"""A question of the engine that only the user can answer, such as an unknown host key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.tui.screens.choice import ChoiceScreen

if TYPE_CHECKING:
    from lazytui.tui.context import EngineView, QuestionView
    from lazytui.tui.messages import EngineChanged


class QuestionScreen(ChoiceScreen):
    """Shows one question. No answer is highlighted: trust is given by meaning it.

    Goes away by itself when somebody else has answered.
    """

    def __init__(self, engine: EngineView, question: QuestionView) -> None:
        super().__init__(question.title, question.lines, question.choices)
        self._engine = engine
        self._question_id = question.id

    def on_engine_changed(self, message: EngineChanged) -> None:
        """Leave when the question waits no more."""
        waits = any(question.id == self._question_id for question in self._engine.questions)
        if message.changes.questions and not waits:
            self.leave()
