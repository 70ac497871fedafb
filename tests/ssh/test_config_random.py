"""Configs that nobody wrote: random bytes do no harm, random configs mean what ssh says."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lazytui.ssh.config import SSHConfig
from lazytui.ssh.config_syntax import matches, parse_seconds
from tests.ssh.config_oracle import (
    MISSING,
    SSH,
    RefusedError,
    as_ssh_says,
    as_we_say,
    dump,
    load,
)

HOSTS = ["a", "b", "ab", "b.a"]
PATTERNS = ["a", "b", "ab", "*", "a*", "*a", "?", "?b", "!a", "!*b", "*.*", "b.a"]
PARTS = [
    *("Host ", "Match ", "Include ", "Port ", "User ", "IdentityFile ", "ProxyJump ", "SetEnv "),
    *("ProxyCommand ", "HostName ", "IgnoreUnknown ", "SendEnv -", "ConnectTimeout "),
    *("host ", "originalhost ", "user ", "all ", "final ", "canonical ", "exec ", "!", "*", "?"),
    *("%h", "%%", "%", "${HOME}", "${", "~", "~root", "/", "config", "none", "self", "[", "]"),
    *('"', "'", "\\", "#", "=", ",", ":", "@", " ", "\t", "\r", "\n", "\n", "\n", "\0", "\f"),
    *("é", "\udce9", "0", "22", "99999999999", "1h30m", "1w" * 50, "a", "b", "yes", "localhost"),
]


def resolve_all(content: bytes) -> SSHConfig:
    """Read a file with this content and resolve whatever it lists, and more."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".ssh").mkdir()
        path = Path(folder, ".ssh", "config")
        path.write_bytes(content)
        path.chmod(0o600)
        config = SSHConfig.load(home=Path(folder), system_path=None)
        for alias in (*(entry.alias for entry in config.entries), "a", "localhost", "", "-x"):
            config.resolve(alias)
            config.runtime_key(alias)
        return config


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_make_it_raise_and_every_problem_can_be_shown(content: bytes) -> None:
    config = resolve_all(content)

    "\n".join(map(str, config.problems)).encode()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=60))
def test_no_mix_of_the_words_of_a_config_makes_it_raise(parts: list[str]) -> None:
    config = resolve_all("".join(parts).encode("utf-8", "surrogateescape"))

    "\n".join(map(str, config.problems)).encode()
    "\n".join(entry.alias for entry in config.entries).encode()


@given(st.text("ab*?", max_size=12), st.text("ab", max_size=12))
def test_a_pattern_matches_what_its_letters_say(pattern: str, text: str) -> None:
    def slowly(p: str, t: str) -> bool:
        if not p:
            return not t
        if p[0] == "*":
            return slowly(p[1:], t) or (bool(t) and slowly(p, t[1:]))
        return bool(t) and p[0] in ("?", t[0]) and slowly(p[1:], t[1:])

    assert matches(text, pattern) == slowly(pattern, text)


@given(st.integers(0, 50), st.integers(0, 59), st.integers(0, 59))
def test_a_time_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int) -> None:
    assert parse_seconds(f"{hours}h{minutes}M{seconds}") == hours * 3600 + minutes * 60 + seconds


# Against ssh

values = {
    "Port": st.integers(1, 65535).map(str),
    "User": st.sampled_from(["u", "v", '"u v"', "u\\\\v"]),
    "HostName": st.sampled_from(["a", "b", "%h.a", "X.b", "127.1", "::01", "b%%c"]),
    "IdentityFile": st.sampled_from(["~/a", "~/b", "%d/%n", "'~/c d'"]),
    "ProxyJump": st.sampled_from(["gw", "none", "u@gw:22,gw2 # x", "NONE", "[::1]:22"]),
    "ProxyCommand": st.sampled_from(["none", "nc %h %p", '"x" # y']),
    "Compression": st.sampled_from(["yes", "no"]),
    "ConnectTimeout": st.sampled_from(["none", "5", "1m", "1h1s"]),
    "ServerAliveInterval": st.sampled_from(["0", "7", "2m"]),
    "SendEnv": st.sampled_from(["A", "A B", "-A", "C* -B"]),
    "SetEnv": st.sampled_from(["A=1", "B=2 A=3", 'C="x y"']),
    "UserKnownHostsFile": st.sampled_from(["none", "~/kh", '"/x y" /%h-%r']),
    "HostKeyAlias": st.sampled_from(["Key", "%n"]),
    "StrictHostKeyChecking": st.sampled_from(["yes", "no", "off", "ask", "accept-new"]),
    "IdentityAgent": st.sampled_from(["none", "SSH_AUTH_SOCK", "~/%n.sock"]),
    "Ciphers": st.sampled_from(["aes128-ctr", "+aes128-cbc", "-aes*"]),
    "BatchMode": st.sampled_from(["yes", "no"]),
    "Protocol": st.just("2"),
}
separator = st.sampled_from([" ", "\t", "=", " = ", "  "])
comment = st.sampled_from(["", "", "  ", " # note"])
criterion = st.one_of(
    st.sampled_from(["final", "canonical", "!final"]),
    st.tuples(
        st.sampled_from(["", "!"]),
        st.sampled_from(["host", "originalhost", "user", "localuser"]),
        st.sampled_from([" ", "="]),
        st.lists(st.sampled_from([*PATTERNS, "u", "root"]), min_size=1, max_size=2).map(",".join),
    ).map("".join),
)


@st.composite
def setting(draw: st.DrawFn) -> str:
    """A line like ``Port = 22 # note``."""
    keyword = draw(st.sampled_from(sorted(values)))
    # A comment would become part of the command, and of "ProxyJump none".
    note = "" if keyword.startswith("Proxy") else draw(comment)
    spelled = draw(st.sampled_from([keyword, keyword.upper(), keyword.lower()]))
    return f"  {spelled}{draw(separator)}{draw(values[keyword])}{note}"


headline = st.one_of(
    st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3).map(
        lambda patterns: "Host " + " ".join(patterns)
    ),
    st.lists(criterion, min_size=1, max_size=3).map(lambda words: "Match " + " ".join(words)),
    st.sampled_from(["Match all", "Match final all", "Match canonical all"]),
)
block = st.tuples(headline, st.lists(setting(), max_size=4)).map(lambda b: [b[0], *b[1]])


@pytest.mark.skipif(SSH is None, reason=MISSING)
@settings(max_examples=80, deadline=None)
@given(
    st.lists(setting(), max_size=2),
    st.lists(block, max_size=5),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(HOSTS),
)
def test_a_random_config_means_what_ssh_says(
    top: list[str], blocks: list[list[str]], line_break: str, alias: str
) -> None:
    text = line_break.join([*top, *(line for lines in blocks for line in lines)])
    with tempfile.TemporaryDirectory() as folder:
        path, empty = Path(folder, "config"), Path(folder, "empty")
        path.write_text(text, newline="")
        empty.touch()

        config = load(path)
        options = config.resolve(alias, run_exec=True)
        defaults = dump(empty, "defaults")

        assert config.problems == ()
        assert as_we_say(options, defaults) == as_ssh_says(options, dump(path, alias), defaults)


@pytest.mark.skipif(SSH is None, reason=MISSING)
@settings(max_examples=120, deadline=None)
@given(
    keyword=st.sampled_from(sorted({*values, "AddressFamily", "ServerAliveCountMax", "Host"})),
    argument=st.lists(
        st.sampled_from(
            [
                *("yes", "none", "5", "1m", "x", "b:1", "any", "A=1", "-A", "ssh", "é", "ask"),
                *(" ", "'", '"', "\\", ",", "@", "%%", "~", "/", "=", "#", "[", "]"),
            ]
        ),
        max_size=4,
    ).map("".join),
)
def test_a_line_is_a_problem_exactly_when_ssh_refuses_it(keyword: str, argument: str) -> None:
    assume(not re.search(r"~\w", argument))  # who ~somebody is, ssh may ask when connecting only
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config")
        path.write_text(f"{keyword} {argument}\n")
        if keyword == "Ciphers":  # the names of algorithms are checked when connecting
            path.write_text(f"PreferredAuthentications {argument}\n")
        try:
            dump(path, "a")
        except RefusedError as error:
            refused = str(error)
        else:
            refused = ""

        problems = load(path).problems

    assert bool(problems) == bool(refused), refused
