"""Settings: every value has a default, every mistake costs only itself and names its line."""

from __future__ import annotations

import os
import stat
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.core.paths import Paths
from lazytui.core.settings import HostSettings, ScreenSettings, Settings, load
from lazytui.errors import SettingsError
from lazytui.rendezvous import machine_id


def read(tmp_path: Path, text: str | bytes, **environ: str) -> tuple[Settings, list[str]]:
    path = tmp_path / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    settings, problems = load(path, environ)
    return settings, [str(problem).removeprefix(str(path)) for problem in problems]


def test_no_file_means_the_defaults(tmp_path: Path) -> None:
    assert load(tmp_path / "none.toml", {}) == (Settings(), ())


def test_the_default_file_is_in_the_users_configuration_folder(tmp_path: Path) -> None:
    (tmp_path / "lazytui").mkdir()
    (tmp_path / "lazytui/config.toml").write_text("[metrics]\ninterval_s = 7\n")

    settings, problems = load(None, {"XDG_CONFIG_HOME": str(tmp_path)})

    assert settings.metrics.interval_s == 7.0
    assert problems == ()


def test_values_of_the_file_replace_defaults_one_by_one(tmp_path: Path) -> None:
    settings, problems = read(
        tmp_path, "[connect]\ntimeout_s = 1\nstarts_total = 10\n[run]\ncredit_bytes = 100000\n"
    )

    assert problems == []
    assert (settings.connect.timeout_s, settings.connect.starts_total) == (1.0, 10)
    assert isinstance(settings.connect.timeout_s, float)
    assert settings.connect.keepalive_s == Settings().connect.keepalive_s
    assert settings.run.credit_bytes == 100_000


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[connect]\n\ntimout_s = 1\n", ":3: unknown setting 'timout_s'; known are timeout_s"),
        ("[connect]\ntimeout_s = 'x'\n", ":2: timeout_s: expected a number"),
        ("[connect]\ntimeout_s = true\n", ":2: timeout_s: expected a number"),
        ("[connect]\ntimeout_s = nan\n", ":2: timeout_s: expected at least 0.01"),
        ("[connect]\ntimeout_s = inf\n", ":2: timeout_s: expected at least 0.01"),
        ("[connect]\ntimeout_s = -1\n", ":2: timeout_s: expected at least 0.01"),
        ("[connect]\nstarts_total = 1.5\n", ":2: starts_total: expected a whole number"),
        ("connect.keepalive_count = 0\n", ":1: keepalive_count: expected at least 1"),
        ("connect = 3\n", ":1: connect must be a section"),
        ("\nconnect = {timeout_s = 'x'}\n", ":2: timeout_s: expected a number"),
        ("[run]\n[colours]\n", ":2: unknown section [colours]"),
        ("hosts = 1\n", ":1: hosts must be a section"),
        ('[hosts]\n"gpu 1" = 1\n', ":2: hosts.gpu 1 must be a section"),
        ('[hosts."a"]\n[hosts."b.c"]\npython = 3\n', ":3: python: expected a text"),
        ('[hosts.a]\ntrust_returns = "yes"\n', ":2: trust_returns: expected true or false"),
    ],
)
def test_a_mistake_keeps_the_default_and_names_its_line(
    tmp_path: Path, text: str, problem: str
) -> None:
    settings, problems = read(tmp_path, text)

    assert len(problems) == 1
    assert problems[0].startswith(problem)
    assert settings.connect == Settings().connect


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[metrics]\ninterval_s = 7\n[connect\n", ":3: not read, defaults are used"),
        ("[metrics]\ninterval_s = 7\nx = '''", ":3: not read, defaults are used"),
        (b"[metrics]\ninterval_s = 7 # \xff\n", ":2: is not UTF-8"),
        ("x = " + "9" * 5000, ": not read, defaults are used: a value is too big"),
        ("x = " + "[" * 5000 + "]" * 5000, ": not read, defaults are used: a value is too big"),
    ],
)
def test_a_broken_file_means_the_defaults_and_one_problem(
    tmp_path: Path, text: str | bytes, problem: str
) -> None:
    settings, problems = read(tmp_path, text)

    assert settings == Settings()
    assert len(problems) == 1
    assert problems[0].startswith(problem)


def test_a_file_that_cannot_be_read_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    settings, problems = load(tmp_path, {})  # a folder

    assert settings == Settings()
    assert "cannot be read" in str(problems[0])


def test_a_right_value_beside_a_wrong_one_counts(tmp_path: Path) -> None:
    settings, problems = read(tmp_path, "[connect]\ntimeout_s = 'x'\nkeepalive_s = 3\n")

    assert settings.connect.keepalive_s == 3.0
    assert len(problems) == 1


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    settings, problems = read(
        tmp_path,
        "[connect]\ntimeout_s = 9\n",
        LAZYTUI_CONNECT_TIMEOUT_S="0.5",
        LAZYTUI_RUN_CREDIT_BYTES="65536",
        LAZYTUI_HOSTS_PYTHON="python3.12",
        LAZYTUI_HOSTS_TRUST_RETURNS="true",
    )

    assert problems == []
    assert settings.connect.timeout_s == 0.5
    assert settings.run.credit_bytes == 65536
    assert settings.for_host("any") == HostSettings("python3.12", trust_returns=True)


@pytest.mark.parametrize(
    ("variable", "text", "said"),
    [
        ("LAZYTUI_CONNECT_TIMEOUT_S", "soon", "expected a number, found 'soon'"),
        ("LAZYTUI_CONNECT_TIMEOUT_S", "-1", "expected at least"),
        ("LAZYTUI_CONNECT_STARTS_TOTAL", "1.5", "expected a number"),
        ("LAZYTUI_HOSTS_FORWARD_AGENT", "perhaps", "expected true or false"),
    ],
)
def test_a_mistake_in_the_environment_is_a_problem_that_names_the_variable(
    tmp_path: Path, variable: str, text: str, said: str
) -> None:
    settings, problems = read(tmp_path, "", **{variable: text})

    assert settings == Settings()
    assert problems[0].startswith(f"environment: {variable}: {said}")


def test_every_setting_can_be_overridden_from_the_environment(tmp_path: Path) -> None:
    defaults = Settings()
    for section in ("connect", "metrics", "run"):
        for item in fields(getattr(defaults, section)):
            variable = f"LAZYTUI_{section}_{item.name}".upper()

            settings, problems = read(tmp_path, "", **{variable: "70000"})

            assert problems == []
            assert getattr(getattr(settings, section), item.name) == 70000


def test_a_host_takes_its_own_section_first_then_node_sets_in_the_order_of_the_file(
    tmp_path: Path,
) -> None:
    settings, problems = read(
        tmp_path,
        '[hosts."gpu[01-04]"]\npython = "python3.11"\nforward_agent = true\n'
        '[hosts."gpu[02-03]"]\npython = "python3.9"\ntrust_returns = true\n'
        '[hosts.gpu02]\npython = "/opt/python"\n',
    )

    assert problems == []
    assert settings.for_host("cpu01") == HostSettings()
    assert settings.for_host("gpu01") == HostSettings("python3.11", forward_agent=True)
    assert settings.for_host("gpu02") == HostSettings("/opt/python", True, True)
    assert settings.for_host("gpu03") == HostSettings("python3.11", True, True)


@given(st.one_of(st.binary(), st.text("[]{}connet.='\"\n 1_stimu#", max_size=60).map(str.encode)))
def test_no_content_whatever_raises(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(data)

    settings, problems = load(path, {})

    assert settings.connect.timeout_s > 0
    try:
        meant = tomllib.loads(data.decode())
    except ValueError:
        assert len(problems) == 1
        return
    assert bool(problems) or set(meant) <= {"connect", "metrics", "run", "hosts"}


# --- paths -------------------------------------------------------------------------------


def test_state_lives_below_the_machine_id_and_is_private(tmp_path: Path) -> None:
    paths = Paths.of_user({"XDG_STATE_HOME": str(tmp_path / "s"), "HOME": "/home/x"})

    paths.create()
    paths.create()  # again, as at every start

    assert paths.journal == tmp_path / "s/lazytui" / machine_id() / "journal.db"
    assert paths.config_file == Path("/home/x/.config/lazytui/config.toml")
    for folder in (paths.state_dir.parent, paths.state_dir, paths.spool_dir):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_relative_xdg_folder_is_ignored_as_the_standard_asks() -> None:
    paths = Paths.of_user({"XDG_STATE_HOME": "somewhere", "HOME": "/home/x"})

    assert paths.state_dir.is_relative_to("/home/x/.local/state/lazytui")


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_state_folder_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    paths = Paths.of_user({"XDG_STATE_HOME": str(tmp_path)})
    paths.create()
    paths.state_dir.chmod(mode)

    with pytest.raises(SettingsError, match=r"can be written by others; run: chmod 700"):
        paths.create()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_state_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    paths = Paths.of_user({"XDG_STATE_HOME": str(tmp_path)})
    paths.create()
    os.chown(paths.state_dir, 12345, 12345)

    with pytest.raises(SettingsError, match="belongs to another user"):
        paths.create()


def test_a_file_where_the_state_folder_should_be_is_an_error_in_plain_words(
    tmp_path: Path,
) -> None:
    (tmp_path / "lazytui").write_text("")

    with pytest.raises(SettingsError, match="cannot be made"):
        Paths.of_user({"XDG_STATE_HOME": str(tmp_path)}).create()


def test_without_a_machine_id_the_host_name_stands_for_the_machine(tmp_path: Path) -> None:
    (tmp_path / "id").write_text("uninitialized\n")

    fallback = machine_id((tmp_path / "none", tmp_path / "id"))

    assert fallback.startswith("host-")
    assert machine_id((tmp_path / "none",)) == fallback


def test_the_look_of_the_screens_is_a_setting(tmp_path: Path) -> None:
    settings, problems = read(
        tmp_path, "[screen]\ntheme = 'light'\nascii = 'always'\nmouse = false\n"
    )

    assert problems == []
    assert settings.screen == ScreenSettings("light", "always", mouse=False)


def test_a_theme_that_there_is_not_is_told_with_those_that_there_are(tmp_path: Path) -> None:
    settings, problems = read(tmp_path, "[screen]\ntheme = 'pink'\nascii = true\n")

    assert problems == [
        ":2: theme: expected one of dark, light, ansi",
        ":3: ascii: expected one of auto, always, never",
    ]
    assert settings.screen == ScreenSettings()


def test_keys_are_one_or_several_by_the_id_of_what_they_do(tmp_path: Path) -> None:
    settings, problems = read(tmp_path, "[keys]\nrun = 'ctrl+r'\nstop = ['x', '!', 'f5']\n")

    assert problems == []
    assert settings.keys == {"run": ("ctrl+r",), "stop": ("x", "!", "f5")}


@pytest.mark.parametrize("value", ["1", "''", "[]", "['a', 2]", "'a,b'", "' '", "'a b'", "{}"])
def test_what_cannot_be_a_key_is_told(value: str, tmp_path: Path) -> None:
    settings, problems = read(tmp_path, f"[keys]\nrun = {value}\nstop = 'x'\n")

    assert problems == [":2: run: expected a key such as 'x' or 'ctrl+x', or a list"]
    assert settings.keys == {"stop": ("x",)}
