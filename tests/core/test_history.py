"""Commands that were run are found again by a few letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.core.history import PastCommand, find_commands

PAST = [
    PastCommand(command, float(-age), 1)
    for age, command in enumerate(
        ("python3 train.py --lr 3e-4", "df -h /data", "make -j8 all", "Python3 trap.py", "tin.py")
    )
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", [0, 1, 2, 3, 4]),
        ("  python3  ", [0, 3]),
        ("train py", [0]),
        ("LR train", [0]),
        ("tnpy", [0, 3, 4]),
        ("tin", [4, 0]),  # as it was typed comes first
        ("mkall", [2]),
        ("llam", []),
    ],
)
def test_words_find_commands_by_their_letters_the_closest_first(text, found):
    assert find_commands(PAST, text) == [PAST[place] for place in found]


@given(st.text(max_size=12), st.text(max_size=4))
def test_a_command_is_found_by_any_of_its_parts(command, text):
    past = PastCommand(f"{command}{text}", 0.0, 1)
    assert find_commands([past], text) == [past]
