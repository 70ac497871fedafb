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
        ["rename", "nothing", "b"],
        ["rename", "a"],
        ["add", "--live", "train", "nowhere"],
        ["add", "--live", "train", "gpu>="],
        ["add", "--live", "train", "@train"],
        ["add", "--live", "a b", "gpu01"],
        ["add", "train", "cmd:true"],
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


def test_a_live_group_has_the_members_that_fit_now(farm: SSHFarm) -> None:
    with_data, without = farm.add("gpu01"), farm.add("gpu02")
    farm.add_refused("gpu03")
    (with_data.home / "data").mkdir()
    query = 'gpu* has:sh cmd:"test -d ~/data && echo true"'

    added = lazytui(farm, "groups", "add", "--live", "data", query)
    first = lazytui(farm, "groups")
    (without.home / "data").mkdir()
    renamed = lazytui(farm, "groups", "rename", "data", "@ready")
    second = json.loads(lazytui(farm, "groups", "--json").stdout)
    used = lazytui(farm, "run", "-b", "-w", "@ready", "--", "echo hi")

    assert added.stdout.decode() == f"@data: {query} (live)\n"
    assert [line.split() for line in first.stdout.decode().splitlines()] == [
        ["GROUP", "HOSTS", "WHERE", "LIVE"],
        ["@data", "1", "gpu01", *query.split()],
    ]
    assert (renamed.returncode, renamed.stdout) == (0, b"")
    assert [(group["name"], group["hosts"]) for group in second] == [("ready", ["gpu01", "gpu02"])]
    assert b"gpu[01-02] (2)" in used.stdout


def test_an_exact_name_stays_exact_in_a_live_group(farm: SSHFarm) -> None:
    farm.add_refused("gpu1")
    farm.add_refused("gpu11")

    lazytui(farm, "groups", "add", "--live", "one", "gpu1")

    assert json.loads(lazytui(farm, "groups", "--json").stdout)[0]["hosts"] == ["gpu1"]


def test_offline_groups_are_listed_without_connecting(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")
    lazytui(farm, "groups", "add", "fixed", "gpu01")
    lazytui(farm, "groups", "add", "--live", "live", "state:up")

    table = lazytui(farm, "groups", "--offline")
    objects = json.loads(lazytui(farm, "groups", "--offline", "--json").stdout)

    assert [line.split() for line in table.stdout.decode().splitlines()] == [
        ["GROUP", "WHERE", "LIVE"],
        ["@fixed", "gpu01"],
        ["@live", "-", "state:up"],
    ]
    assert [group["hosts"] for group in objects] == [["gpu01"], None]


def test_a_live_group_that_lost_its_base_says_so(farm: SSHFarm) -> None:
    farm.add_refused("gpu01")
    lazytui(farm, "groups", "add", "base", "gpu01")
    lazytui(farm, "groups", "add", "--live", "top", "@base")
    lazytui(farm, "groups", "remove", "base")

    listed = lazytui(farm, "groups")
    used = lazytui(farm, "run", "-w", "@top", "--", "true")

    assert listed.returncode == 0
    assert b"@top: unknown group: @base" in listed.stderr
    assert (used.returncode, used.stdout) == (2, b"")
