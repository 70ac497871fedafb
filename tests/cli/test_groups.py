"""``lazytui groups``: named sets of hosts, and what they are good for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.engines import lazytui, lazytui_here

if TYPE_CHECKING:
    from tests.sshd import SSHFarm


def test_a_group_is_kept_listed_used_and_removed(farm: SSHFarm) -> None:
    for name in ("gpu01", "gpu02", "cpu01"):
        farm.add(name)

    empty = lazytui(farm, "groups")
    added = lazytui(farm, "groups", "add", "train", "gpu*")
    listed = lazytui(farm, "groups")
    objects = lazytui(farm, "groups", "--json")
    used = lazytui(farm, "run", "-b", "-w", "@train", "--", "echo hi")
    removed = lazytui(farm, "groups", "remove", "@train")
    after = lazytui(farm, "run", "-w", "@train", "--", "echo hi")

    assert (empty.returncode, empty.stdout) == (0, b"")
    assert added.stdout == b"@train: gpu[01-02] (2)\n"
    assert listed.stdout.decode().split() == [
        "GROUP",
        "HOSTS",
        "WHERE",
        "@train",
        "2",
        "gpu[01-02]",
    ]
    (group,) = json.loads(objects.stdout)
    assert (group["name"], group["hosts"]) == ("train", ["gpu01", "gpu02"])
    assert (group["live"], group["where"], group["problem"]) == (False, "gpu*", None)
    assert b"gpu[01-02] (2)" in used.stdout
    assert (removed.returncode, removed.stdout) == (0, b"")
    assert (after.returncode, after.stdout) == (2, b"")
    assert b"train" in after.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["add", "train", "nowhere"],
        ["add", "7up", "gpu01"],
        ["add", "a b", "gpu01"],
        ["add", "train"],
        ["remove", "nothing"],
        ["rename", "a", "b"],
    ],
)
def test_a_group_that_cannot_be_is_a_usage_error(
    farm: SSHFarm,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    farm.add_refused("gpu01")

    code, out, err = lazytui_here(farm, monkeypatch, capfd, "groups", *words)

    assert (code, out) == (2, "")
    assert err
    assert lazytui_here(farm, monkeypatch, capfd, "groups", "--json") == (0, "[]\n", "")


def test_a_group_may_be_made_of_what_hosts_are_now(farm: SSHFarm) -> None:
    farm.add("up")
    farm.add_refused("dead")

    added = lazytui(farm, "groups", "add", "usable", "state:up")

    assert added.stdout == b"@usable: up (1)\n"
