"""Saved commands on the screens: from their list, the palette and their keys."""

from __future__ import annotations

import pytest

from tests.tui.fake_engine import lab, with_runs
from tests.tui.seen import settle, shown, text

CONFIG = """\
[[commands]]
name = "disk"
command = "df -h {{folder}}"
key = "E"
context = "hosts"
[[commands.prompts]]
name = "folder"
text = "Which folder?"
default = "/data"

[[commands]]
name = "restart"
command = "systemctl restart {{service}}"
confirm = true
[[commands.prompts]]
name = "service"
text = "Which service?"
choices = ["nginx", "docker"]

[[commands]]
name = "everywhere"
command = "echo {{host}}"
where = "gpu[01-02]"

[[commands]]
name = "only there"
command = "echo {{host}}"
context = "output"
"""


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = tmp_path / "config" / "lazytui" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(CONFIG)
    return path


async def test_the_list_has_what_can_be_used_here_and_is_searched_by_letters():
    async with shown(lab()) as pilot:
        await pilot.press("exclamation_mark")
        await settle(pilot, "Saved: disk")
        assert "Saved: restart" in text(pilot.app)
        assert "Saved: only there" not in text(pilot.app)
        await pilot.press(*"rest")
        await pilot.pause()
        assert "Saved: disk" not in text(pilot.app)


async def test_a_key_asks_what_is_to_be_asked_and_runs_it_on_the_current_host(tmp_path):
    engine = lab(tmp_path)
    async with shown(engine) as pilot:
        await pilot.press("exclamation_mark", "escape", "E")
        await settle(pilot, "Which folder?")
        await pilot.press("enter")
        await settle(pilot, "Tasks ›")
    assert [(name, title, hosts) for name, title, hosts, _ in engine.asked] == [
        ("run_task", "df -h /data", ("gpu01",))
    ]


async def test_choices_are_chosen_and_what_shall_be_confirmed_is(tmp_path):
    engine = lab(tmp_path)
    async with shown(engine) as pilot:
        await pilot.press("exclamation_mark", *"restart", "enter")
        await settle(pilot, "Which service?")
        await pilot.press("2")
        await settle(pilot, "Run restart?")
        assert "systemctl restart docker" in text(pilot.app)
        assert not engine.asked
        await pilot.press("y")
        await settle(pilot, "Tasks ›")
    assert engine.asked[0][1] == "systemctl restart docker"


async def test_esc_at_a_prompt_runs_nothing():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("exclamation_mark", "escape", "E")
        await settle(pilot, "Which folder?")
        await pilot.press("escape")
        await settle(pilot, "filter")
        assert not engine.asked


async def test_a_command_with_hosts_of_its_own_is_filled_in_for_each(tmp_path):
    engine = lab(tmp_path)
    async with shown(engine) as pilot:
        await pilot.press("colon", *"everywhere", "enter")
        await settle(pilot, "Tasks ›")
    (_, title, hosts, options), *_ = engine.asked
    assert (title, hosts) == ("echo {{host}}", ("gpu01", "gpu02"))
    assert options["plan"].templates


async def test_on_an_output_it_runs_on_the_host_of_the_run(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        await pilot.press("2")
        await settle(pilot, "Tasks")
        await pilot.press("enter")
        await settle(pilot, "Tasks ›")
        await pilot.press("exclamation_mark", *"only", "enter")
        await pilot.pause()
        await settle(pilot, "echo {{host}}")
    assert engine.asked[0][1] == "echo {{host}}"


async def test_mistakes_are_told_and_nothing_else_is_lost(config):
    config.write_text(CONFIG + "\n[[commands]]\nname = 'broken'\n")
    async with shown(lab()) as pilot:
        await settle(pilot, "either 'command' or 'task'")
        await pilot.press("exclamation_mark")
        await settle(pilot, "Saved: disk")


async def test_without_any_it_is_said_how_to_make_one(config):
    config.unlink()
    async with shown(lab()) as pilot:
        await pilot.press("exclamation_mark")
        await settle(pilot, "No saved commands for this screen yet")
