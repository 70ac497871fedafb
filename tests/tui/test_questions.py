"""Questions that only the user can answer wait in a queue, and never take the screen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.tasks import TasksScreen
from tests.tui.fake_engine import host_key_question, lab, with_runs
from tests.tui.seen import rows, settle, shown, text


async def test_a_waiting_question_is_told_but_does_not_take_the_focus():
    engine = lab()
    async with shown(engine) as pilot:
        engine.ask(host_key_question("old01"))
        await settle(pilot, "2 questions wait · Q")
        assert isinstance(pilot.app.screen, HostsScreen)


@pytest.mark.parametrize("way", [("2",), ("l",)])
async def test_every_screen_tells_that_questions_wait_and_asks_them(way, tmp_path):
    async with shown(with_runs(lab(tmp_path))) as pilot:
        await pilot.press(*way)
        await settle(pilot, "1 question waits · Q")
        below = pilot.app.screen
        await pilot.press("Q")
        await settle(pilot, "Is this really db01?")
        await pilot.press("escape")
        await pilot.pause()
        assert pilot.app.screen is below


async def test_a_narrow_terminal_has_room_for_the_number():
    async with shown(lab(), (40, 10)) as pilot:
        await settle(pilot, "◆ 1 · Q")


async def test_a_click_on_the_hint_asks():
    async with shown(lab()) as pilot:
        await settle(pilot, "1 question waits")
        await pilot.click(offset=(rows(pilot.app)[-1].index("question"), 23))
        await settle(pilot, "Is this really db01?")


async def test_capital_q_shows_what_the_engine_wants_to_know():
    async with shown(lab()) as pilot:
        await pilot.press("Q")
        await settle(pilot, "Is this really db01?")
        seen = text(pilot.app)
        assert "SHA256:3gk0b6pF1Zr0pYk2q7fXx1mJr6m9Wc0d8w2o9d1s0hE" in seen
        assert "a  accept and remember" in seen
        assert "next question" not in seen


@pytest.mark.parametrize("key", ["a", "o", "n"])
async def test_the_key_of_a_choice_answers(key):
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("Q", key)
        await settle(pilot, "gpu01")
        assert engine.asked == [("answer", "q-db01", key)]


async def test_enter_alone_never_trusts_a_host():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("Q", "enter", "space", "y")
        await pilot.pause()
        assert engine.asked == []


async def test_a_highlighted_answer_is_given_by_enter():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("Q", "up", "enter")
        await settle(pilot, "gpu01")
        assert engine.asked == [("answer", "q-db01", "n")]


async def test_the_next_question_follows_the_answer_and_escape_leaves_it_waiting():
    engine = lab()
    engine.ask(host_key_question("old01"))
    async with shown(engine) as pilot:
        await pilot.press("Q", "n")
        await settle(pilot, "Is this really old01?")
        await pilot.press("escape")
        await settle(pilot, "1 question waits")
        assert [question.host for question in engine.questions] == ["old01"]


async def test_questions_are_looked_at_in_turn_without_answering():
    engine = lab()
    engine.ask(host_key_question("old01"))
    async with shown(engine) as pilot:
        await pilot.press("Q")
        await settle(pilot, "Is this really db01?  1 of 2")
        await pilot.press("Q")
        await settle(pilot, "Is this really old01?  2 of 2")
        await pilot.press("Q")
        await settle(pilot, "Is this really db01?  1 of 2")
        assert engine.asked == []


async def test_an_answered_question_is_not_asked_again_while_the_engine_thinks():
    engine = lab()
    engine.ask(host_key_question("old01"))
    engine.answer = lambda *answer: engine.asked.append(answer)
    async with shown(engine) as pilot:
        await pilot.press("Q", "a")
        await settle(pilot, "Is this really old01?")
        await pilot.press("a")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)
        assert engine.asked == [("q-db01", "a"), ("q-old01", "a")]


async def test_the_same_question_of_several_hosts_is_asked_once():
    engine = lab()
    engine.ask(replace(engine.questions[0], id="q-twin", host="old01"))
    async with shown(engine) as pilot:
        await settle(pilot, "1 question waits")
        await pilot.press("Q", "a")
        await settle(pilot, "gpu01")
        assert engine.asked == [("answer", "q-db01", "a"), ("answer", "q-twin", "a")]


async def test_a_question_that_somebody_else_answered_goes_away():
    engine = lab()
    async with shown(engine) as pilot, shown(engine) as other:
        await pilot.press("Q")
        await settle(pilot, "Is this really db01?")
        await other.press("Q", "a")
        await settle(pilot, "gpu01")
        assert engine.asked == [("answer", "q-db01", "a")]


async def test_without_a_question_the_key_does_nothing():
    engine = lab()
    engine.questions.clear()
    async with shown(engine) as pilot:
        await pilot.press("2", "Q")
        await pilot.pause()
        assert isinstance(pilot.app.screen, TasksScreen)
        assert "◆" not in rows(pilot.app)[-1]
