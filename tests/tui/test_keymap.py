"""The keymap is data: no key does two things, none is taken that others need, none is a lie."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from lazytui.tui.app import LazytuiApp
from lazytui.tui.keymap import KEYMAP, SCOPE_TITLES, keys_of
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.help import HelpScreen
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.run_prompt import RunPrompt
from lazytui.tui.screens.stop_menu import SIGNALS
from lazytui.tui.screens.tasks import TasksScreen
from lazytui.tui.widgets.line_table import LineTable

SCREENS = [HostsScreen, TasksScreen, OutputScreen, RunPrompt, ChoiceScreen, HelpScreen]
# Multiplexer prefixes, flow control, tmux's way between panes, keys that are other keys.
TAKEN = {f"ctrl+{letter}" for letter in "absh" + "imjkl"} | {"ctrl+space", "ctrl+backslash"}


def holders(screen):
    """Where an action of a screen's scopes may live, the nearest first."""
    return [screen, LineTable, LazytuiApp]


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


@pytest.mark.parametrize("holder", [*SCREENS, LineTable, LazytuiApp])
def test_what_is_bound_is_in_the_keymap(holder):
    known = {(name, key.id) for key in KEYMAP for name in key.keys}
    bound = {
        (name, binding.id)
        for binding in holder.__dict__["BINDINGS"]
        for name in binding.key.split(",")
    }
    assert bound <= known


def test_every_scope_belongs_to_a_screen():
    used = {scope for screen in SCREENS for scope in screen.SCOPES}
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
