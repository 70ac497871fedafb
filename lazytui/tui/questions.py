"""Which of the waiting questions are to be answered one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.tui.context import QuestionView


def distinct(questions: Sequence[QuestionView]) -> list[list[QuestionView]]:
    """Put questions together that ask the very same: they are asked once."""
    alike: dict[object, list[QuestionView]] = {}
    for question in questions:
        content = (question.title, question.lines, question.choices)
        if question.fields:  # the engine asks each of these once already
            content = (question.id, (), ())
        alike.setdefault(content, []).append(question)
    return list(alike.values())
