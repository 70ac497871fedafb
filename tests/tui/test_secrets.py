"""Questions that are answered by typing: never seen, never copied, answered later if so wanted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Input

from lazytui.core.model import HostState
from lazytui.ssh.credentials import Field
from lazytui.tui.app import LazytuiApp
from lazytui.tui.screens.hosts import HostsScreen
from tests.tui.fake_engine import (
    STOPPED_CLOCK,
    FakeEngine,
    FakeRuntime,
    code_question,
    host_key_question,
    lab,
    passphrase_question,
    password_question,
)
from tests.tui.seen import row_of, settle, shown, text


def asking(*questions) -> FakeEngine:
    """Give the lab with these questions, and no other."""
    engine = lab()
    engine.questions.clear()
    engine.runtimes["db01"].question = None
    for question in questions:
        engine.ask(question)
    return engine


async def test_a_password_is_typed_unseen_and_given_by_enter():
    engine = asking(password_question("db01"))
    async with shown(engine) as pilot:
        await pilot.press("Q")
        await settle(pilot, "ana's password on db01")
        await pilot.press(*"sesame")
        seen = text(pilot.app)
        await pilot.press("enter")
        await settle(pilot, "gpu01")

    assert "sesame" not in seen
    assert "••••••" in seen
    assert engine.asked == [("reply", "q-db01", ("sesame",), False, False)]


async def test_keys_of_the_program_are_letters_of_a_password():
    engine = asking(password_question("db01"), password_question("old01", "bob"))
    async with shown(engine) as pilot:
        await pilot.press("Q", *"qQ?:1!", "space", "enter")
        await settle(pilot, "bob's password on old01")

    assert engine.asked == [("reply", "q-db01", ("qQ?:1! ",), False, False)]


async def test_it_is_remembered_only_when_that_is_chosen():
    engine = asking(password_question("db01"))
    async with shown(engine) as pilot:
        await pilot.press("Q", *"sesame", "tab", "right", "enter")
        await settle(pilot, "gpu01")

    assert engine.asked == [("reply", "q-db01", ("sesame",), True, False)]


async def test_one_password_is_for_all_that_ask_for_it_when_that_is_chosen():
    engine = asking(password_question("db01"), password_question("old01"))
    async with shown(engine) as pilot:
        await pilot.press("Q")
        await settle(pilot, "on all 2 hosts that ask for it")
        await pilot.press(*"sesame", "tab", "tab", "right", "enter")
        await pilot.pause()

    assert engine.asked[0] == ("reply", "q-db01", ("sesame",), False, True)


async def test_the_password_of_another_user_is_nobody_elses():
    engine = asking(password_question("db01"), password_question("old01", "bob"))
    async with shown(engine) as pilot:
        await pilot.press("Q")
        await settle(pilot, "ana's password on db01")
        assert "Use it" not in text(pilot.app)


async def test_a_code_has_a_field_for_each_prompt_and_shows_what_may_be_seen():
    engine = asking(code_question("db01"))
    async with shown(engine) as pilot:
        await pilot.press("Q", *"123456", "enter", *"blue")
        await settle(pilot, "blue")
        seen = text(pilot.app)
        await pilot.press("enter")
        await settle(pilot, "gpu01")

    assert "123456" not in seen
    assert "Look at your token" in seen
    assert "Keep it" not in seen
    assert engine.asked == [("reply", "q-db01", ("123456", "blue"), False, False)]


async def test_escape_leaves_it_for_later_and_capital_q_brings_it_back():
    engine = asking(password_question("db01"))
    async with shown(engine) as pilot:
        await pilot.press("Q", *"ses", "escape")
        await settle(pilot, "1 question waits")
        assert engine.asked == [("later", "q-db01")]
        await pilot.press("Q")
        await settle(pilot, "ana's password on db01")
        assert pilot.app.screen.query_one(Input).value == ""


async def test_an_empty_answer_goes_on_without():
    engine = asking(passphrase_question("db01"))
    async with shown(engine) as pilot:
        await pilot.press("Q", "enter")
        await settle(pilot, "gpu01")

    assert engine.asked == [("reply", "q-key", ("",), False, False)]


async def test_other_questions_are_looked_at_meanwhile():
    engine = asking(password_question("db01"), host_key_question("old01"))
    async with shown(engine) as pilot:
        await pilot.press("Q", "ctrl+n")
        await settle(pilot, "Is this really old01?  2 of 2")
        await pilot.press("Q")
        await settle(pilot, "ana's password on db01  1 of 2")
        assert engine.asked == []


async def test_an_answer_of_somebody_else_takes_the_card_away():
    engine = asking(password_question("db01"))
    async with shown(engine) as pilot, shown(engine) as other:
        await pilot.press("Q", *"ses")
        await other.press("Q", *"sesame", "enter")
        await settle(pilot, "gpu01")
        assert isinstance(pilot.app.screen, HostsScreen)

    assert engine.asked == [("reply", "q-db01", ("sesame",), False, False)]


async def test_nothing_can_be_copied_out_of_a_secret_field():
    engine = asking(password_question("db01"))
    async with shown(engine) as pilot:
        await pilot.press("Q", *"sesame", "shift+home", "ctrl+c", "ctrl+x")
        await pilot.pause()
        assert pilot.app.clipboard == ""
        assert pilot.app.screen.query_one(Input).value == "sesame"


async def test_the_card_tells_who_waits_for_the_same_passphrase():
    engine = asking(passphrase_question("gpu01", "gpu02", "db01"))
    async with shown(engine) as pilot:
        await settle(pilot, "1 question waits")
        await pilot.press("Q")
        await settle(pilot, "3 hosts wait for the same answer: ")


async def test_the_card_of_a_bastion_tells_how_many_wait_behind_it():
    engine = asking(code_question("gpu01"))
    for number in range(4):
        engine.add(FakeRuntime(f"in{number}", HostState.CONNECTING, jumps=("gpu01",)))
    async with shown(engine) as pilot:
        await pilot.press("Q")
        await settle(pilot, "the 4 hosts behind it wait for the same answer")


async def test_hosts_say_what_they_ask_for_and_are_counted():
    engine = asking(password_question("db01"), host_key_question("old01"))
    async with shown(engine, (130, 34)) as pilot:
        await settle(pilot, "asks for a password")
        row = row_of(pilot.app, "db01")
        assert "◆ auth" in row
        assert "Q answer" in row
        assert "◆ asks" in row_of(pilot.app, "old01")
        assert "1 asks · 1 auth" in text(pilot.app)


async def test_a_host_behind_a_bastion_that_asks_says_what_helps():
    engine = asking(password_question("bastion"))
    reason = "gw asks for a password"
    engine.add(FakeRuntime("in1", HostState.INACTIVE, reason, error_kind="asks"))
    async with shown(engine, (130, 34)) as pilot:
        await settle(pilot, "in1")
        assert f"{reason}  Q answer" in row_of(pilot.app, "in1")


@pytest.mark.parametrize("evil", ["\x1b]52;c;ZXZpbA==\x07", "[bold red]", "\u202e\u0007"])
async def test_what_a_server_asks_is_shown_as_it_is_and_does_nothing(evil):
    question = replace(
        code_question("db01"),
        title=f"{evil} asks",
        lines=(evil,),
        fields=(Field(f"{evil}code"),),
    )
    async with shown(asking(question)) as pilot:
        await pilot.press("Q")
        await settle(pilot, "code")
        seen = text(pilot.app)

    assert not {"\x1b", "\x07", "\u202e"} & set(seen)
    if evil.startswith("["):
        assert "[bold red]code" in seen


@pytest.mark.parametrize("size", [(80, 24), (130, 34)], ids=["80x24", "130x34"])
@pytest.mark.parametrize("kind", ["password", "code", "passphrase", "hosts"])
def test_secrets_look_as_before(kind, size, snap_compare):
    questions = {
        "password": [password_question("db01"), password_question("old01")],
        "code": [code_question("db01")],
        "passphrase": [passphrase_question("gpu01", "gpu02", "db01")],
        "hosts": [password_question("db01"), host_key_question("old01")],
    }[kind]
    app = LazytuiApp(asking(*questions), clock=STOPPED_CLOCK)

    async def go(pilot) -> None:
        await pilot.pause()
        if kind != "hosts":
            await pilot.press("Q", *"sesame")
        await settle(pilot, "•••" if kind != "hosts" else "auth")

    assert snap_compare(app, terminal_size=size, run_before=go)
