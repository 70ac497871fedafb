"""The keymap is data: no key does two things, none is taken that others need, none is a lie."""

from __future__ import annotations

import pkgutil
import re
from collections import Counter
from importlib import import_module

import pytest
from textual.screen import Screen
from textual.widget import Widget

import lazytui.tui.screens
import lazytui.tui.widgets
from lazytui.tui.app import LazytuiApp
from lazytui.tui.keymap import KEYMAP, SCOPE_TITLES, keys_of
from lazytui.tui.keys import Keys
from lazytui.tui.look import Look
from lazytui.tui.screens.stop_menu import SIGNALS
from tests.tui.fake_engine import STOPPED_CLOCK, lab
from tests.tui.seen import settle, text


def classes(package, kind: type) -> list[type]:
    """Give the classes of a kind that the modules of a package define."""
    found = []
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        here = vars(import_module(module.name)).values()
        found += [c for c in here if isinstance(c, type) and issubclass(c, kind)]
    return sorted({c for c in found if c.__module__.startswith("lazytui.")}, key=str)


WIDGETS = [c for c in classes(lazytui.tui.widgets, Widget) if c.__dict__.get("BINDINGS")]
SCREENS = [c for c in classes(lazytui.tui.screens, Screen) if getattr(c, "SCOPES", ())]
# Multiplexer prefixes, flow control, tmux's way between panes, keys that are other keys.
TAKEN = {f"ctrl+{letter}" for letter in "absh" + "imjkl"} | {"ctrl+space", "ctrl+backslash"}


def holders(screen):
    """Where an action of a screen's scopes may live, the nearest first."""
    return [screen, *WIDGETS, LazytuiApp]


@pytest.mark.parametrize("screen", SCREENS)
def test_no_key_does_two_things_on_one_screen(screen):
    pressed = Counter(name for key in keys_of(*screen.SCOPES) for name in key.keys)
    assert [name for name, times in pressed.items() if times > 1] == []


@pytest.mark.parametrize("screen", SCREENS)
def test_every_key_has_a_feature(screen):
    keys = keys_of(*screen.SCOPES)
    lost = [
        key.id
        for key in keys
        if not any(hasattr(holder, f"action_{key.action}") for holder in holders(screen))
    ]
    assert keys
    assert lost == []


@pytest.mark.parametrize("holder", [*SCREENS, *WIDGETS, LazytuiApp])
def test_what_is_bound_is_in_the_keymap(holder):
    known = {(name, key.id) for key in KEYMAP for name in key.keys}
    bound = {
        (name, binding.id)
        for binding in holder.__dict__.get("BINDINGS", ())
        for name in binding.key.split(",")
    }
    assert bound <= known


def test_every_scope_belongs_to_a_screen():
    used = {scope for holder in (*SCREENS, *WIDGETS) for scope in getattr(holder, "SCOPES", ())}
    assert {key.scope for key in KEYMAP} == used
    assert set(SCOPE_TITLES) <= used


def test_keys_that_the_terminal_needs_stay_free():
    for key in KEYMAP:
        assert TAKEN.isdisjoint(key.keys)
        assert not any("alt+" in name or "shift+" in name for name in key.keys)


def test_a_function_key_is_never_the_only_way():
    for key in KEYMAP:
        assert not re.fullmatch(r"f\d+", key.keys[0])


def test_only_keys_that_do_not_print_work_over_a_text_field():
    assert [key.keys for key in KEYMAP if key.priority] == [("ctrl+q",)]


def test_the_keys_of_the_signals_are_free_in_a_menu():
    assert SIGNALS.keys().isdisjoint(name for key in keys_of("menu") for name in key.keys)


# What the user changes


async def test_a_key_of_the_users_does_it_and_is_what_is_shown():
    look = Look(keys={"run": ("!",), "view-tasks": ("t", "2")})
    async with LazytuiApp(lab(), clock=STOPPED_CLOCK, look=look).run_test(size=(120, 30)) as pilot:
        await settle(pilot, "gpu01")
        assert "! run" in text(pilot.app)
        await pilot.press("exclamation_mark")
        await settle(pilot, "esc back")
        await pilot.press("escape")
        await pilot.press("r", "t")
        await settle(pilot, "No tasks yet")


async def test_a_key_with_two_meanings_on_a_screen_is_told_once():
    look = Look(keys={"run": ("R",)})
    app = LazytuiApp(lab(), clock=STOPPED_CLOCK, look=look)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await settle(pilot, "'R' means both refresh and run")
        await pilot.press("j", "2", "1")
        assert len(app._notifications) == 1


@pytest.mark.parametrize(
    ("name", "keys", "problem"),
    [
        ("rum", ("x",), "there is nothing called 'rum'; close are run"),
        ("run", ("ctrl+m",), "run: for a terminal 'ctrl+m' is enter"),
        ("quit-now", ("ctrl+x", "q"), "quit-now: 'q' could not be typed any more"),
    ],
)
def test_what_cannot_be_remapped_is_told_and_keeps_its_default(name, keys, problem):
    keymap = Keys({name: keys, "logs": ("L",)})
    assert keymap.problems == [f"[keys] {problem}"]
    assert keymap.for_textual == {"logs": "L"}


def test_the_default_keymap_has_nothing_to_tell():
    assert Keys().problems == []
    assert [Keys().clashes(*screen.SCOPES) for screen in SCREENS] == [[]] * len(SCREENS)
