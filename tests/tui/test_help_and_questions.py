"""The help, and the questions that only the user can answer."""

from __future__ import annotations

import pytest

from lazytui.tui.keymap import keys_of
from lazytui.tui.screens.hosts import HostsScreen
from tests.tui.fake_engine import host_key_question, lab, with_runs
from tests.tui.seen import settle, shown, text


@pytest.mark.parametrize("way", [(), ("2",), ("l",)])
async def test_the_help_lists_every_key_of_the_screen_below(way, tmp_path):
    async with shown(with_runs(lab(tmp_path)), (100, 50)) as pilot:
        await pilot.press(*way)
        await pilot.pause()
        scopes = pilot.app.screen.SCOPES
        await pilot.press("question_mark")
        await settle(pilot, "Everywhere")
        seen = text(pilot.app)
        assert [key.help for key in keys_of(*scopes) if key.help not in seen] == []


async def test_f1_opens_the_help_too_and_escape_closes_it():
    async with shown(lab()) as pilot:
        await pilot.press("f1")
        await settle(pilot, "Moving")
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)


async def test_the_help_scrolls_where_it_does_not_fit():
    async with shown(lab(), (40, 10)) as pilot:
        await pilot.press("question_mark")
        await settle(pilot, "esc back")
        await pilot.press("end")
        await settle(pilot, "ctrl+c")


async def test_a_waiting_question_is_told_but_does_not_take_the_focus():
    engine = lab()
    async with shown(engine) as pilot:
        engine.ask(host_key_question("old01"))
        await settle(pilot, "2 questions wait")
        assert isinstance(pilot.app.screen, HostsScreen)


async def test_capital_q_shows_what_the_engine_wants_to_know():
    async with shown(lab()) as pilot:
        await pilot.press("Q")
        await settle(pilot, "Is this really db01?")
        seen = text(pilot.app)
        assert "SHA256:3gk0b6pF1Zr0pYk2q7fXx1mJr6m9Wc0d8w2o9d1s0hE" in seen
        assert "a  accept and remember" in seen


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


async def test_a_question_that_somebody_else_answered_goes_away():
    engine = lab()
    async with shown(engine) as pilot, shown(engine) as other:
        await pilot.press("Q")
        await settle(pilot, "Is this really db01?")
        await other.press("Q", "a")
        await settle(pilot, "gpu01")
        assert engine.asked == [("answer", "q-db01", "a")]
