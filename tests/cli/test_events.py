"""``lazytui events``: who did what, also while it is being done."""

from __future__ import annotations

import asyncio
import json
import signal
from typing import TYPE_CHECKING

import pytest

from lazytui.core.audit import Deed
from lazytui.core.deeds import Deeds
from tests.door.clients import Client
from tests.engines import engine_on, lazytui, lazytui_started

if TYPE_CHECKING:
    from tests.sshd import SSHFarm

KEYS = ["when", "who", "what", "subject", "where", "result", "task_id"]


def test_what_was_done_is_listed_newest_first_with_exactly_the_promised_keys(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")
    farm.add("gpu02")
    lazytui(farm, "run", "-w", "gpu[01-02]", "--", "exit 3")
    lazytui(farm, "groups", "add", "train", "gpu[01-02]")

    found = json.loads(lazytui(farm, "events", "--json").stdout)
    newest = json.loads(lazytui(farm, "events", "--json", "-n", "1").stdout)
    table = lazytui(farm, "events").stdout.decode().splitlines()

    assert [event["what"] for event in found] == ["group changed", "run started"]
    assert all(list(event) == KEYS for event in found)
    assert (found[1]["where"], found[1]["result"]) == ("gpu[01-02]", "2 failed")
    assert found[1]["who"].endswith("(command line)")
    assert newest == found[:1]
    assert table[0].split() == ["WHEN", "WHO", "WHAT", "SUBJECT", "WHERE", "RESULT"]
    assert "group changed" in table[1]


def test_words_show_only_what_has_them_and_not_what_must_not(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")
    for name in ("train", "prod"):
        lazytui(farm, "groups", "add", name, "gpu01")

    def subjects(*words: str) -> list[str]:
        done = lazytui(farm, "events", "--json", "--", *words)
        return [event["subject"] for event in json.loads(done.stdout)]

    assert ["prod" in subject for subject in subjects("GROUP")] == [True, False]
    assert ["prod" in subject for subject in subjects("group", "!prod")] == [False]
    assert subjects("nothing-like-it") == []


def test_without_events_it_says_so(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")

    done = lazytui(farm, "events")

    assert (done.returncode, done.stdout) == (0, b"")
    assert b"nothing happened yet" in done.stderr
    assert json.loads(lazytui(farm, "events", "--json").stdout) == []


def test_following_tells_what_other_processes_do_until_it_is_interrupted(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")
    lazytui(farm, "groups", "add", "before", "gpu01")
    following = lazytui_started(farm, "events", "--json", "-f")
    assert following.stdout is not None
    first = json.loads(following.stdout.readline())
    lazytui(farm, "groups", "add", "after", "gpu01")
    second = json.loads(following.stdout.readline())
    following.send_signal(signal.SIGINT)

    assert "before" in first["subject"]
    assert "after" in second["subject"]
    assert following.wait(20) == 0


async def test_the_running_engine_tells_its_events_as_they_come(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")
    async with engine_on(farm) as engine:
        deeds = Deeds(engine.journal, engine.events, "screen")
        await deeds.note(Deed.GROUP_CHANGED, "@one", ["gpu01"])
        client = Client("events", "-f", "--json", "group")
        work = asyncio.ensure_future(client.run(engine))
        await client.said(b"@one")
        await deeds.note(Deed.SHELL_OPENED, "", ["gpu01"])
        await deeds.note(Deed.GROUP_CHANGED, "@two", ["gpu01"])
        await client.said(b"@two")
        assert client.on_signal is not None
        client.on_signal("INT")
        code = await work

    lines = [json.loads(line) for line in client.out.splitlines()]
    assert [line["subject"] for line in lines] == ["@one", "@two"]
    assert code == 0


@pytest.mark.parametrize("name", ["\x1b]0;owned\x07", "\u202egnp"])
async def test_nothing_in_an_event_reaches_the_terminal_as_more_than_text(
    farm: SSHFarm, name: str
) -> None:
    farm.add_refused("gpu01")
    async with engine_on(farm) as engine:
        await Deeds(engine.journal, engine.events, "screen").note(Deed.GROUP_CHANGED, name, ["x"])
        client = Client("events", terminal=True)
        await client.run(engine)

    assert not [byte for byte in ("\x1b", "\x07", "\u202e") if byte in client.out.decode()]
