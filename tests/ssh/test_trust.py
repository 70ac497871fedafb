"""known_hosts as sshd(8) describes it, with ``ssh-keygen -F`` as the judge."""

from __future__ import annotations

import re
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncssh
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazytui.ssh.trust import KnownHosts, fingerprint, remember

KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER = asyncssh.generate_private_key("ssh-ed25519")


def public(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


labels = st.sampled_from(["a", "b", "gpu01", "gpu02", "example", "10.0.0.1", "fe80::1"])
names = st.lists(labels, min_size=1, max_size=3).map(".".join)
wild = names.flatmap(
    lambda name: st.sampled_from([name, name.upper(), f"*{name[1:]}", f"{name[:-1]}?", "*", "*.*"])
)
spelled = st.tuples(wild, st.sampled_from(["", "", "22", "2222"])).map(
    lambda pair: f"[{pair[0]}]:{pair[1]}" if pair[1] else pair[0]
)
patterns = st.lists(st.tuples(st.sampled_from(["", "", "", "!"]), spelled), min_size=1, max_size=3)
fields = patterns.map(lambda several: ",".join(mark + name for mark, name in several))


def lines_found_by_ssh(path: Path, name: str) -> list[int]:
    asked = subprocess.run(
        ["ssh-keygen", "-F", name, "-f", str(path)], capture_output=True, text=True, check=False
    )
    return [
        int(number) for number in re.findall(r"^# Host .* found: line (\d+)", asked.stdout, re.M)
    ]


@pytest.mark.sshd
@settings(max_examples=60, deadline=None)
@given(st.lists(fields, min_size=1, max_size=5), names, st.sampled_from([22, 2222]), st.booleans())
def test_the_lines_of_a_name_are_those_that_openssh_finds(
    written: list[str], name: str, port: int, hashed: bool
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "known_hosts")
        path.write_text("".join(f"{field} {public(KEY)}\n" for field in written))
        if hashed:
            hashing = ["ssh-keygen", "-q", "-H", "-f", str(path)]
            subprocess.run(hashing, check=True, capture_output=True)

        trust = KnownHosts().lookup([str(path)], name, port)

        asked = name if port == 22 else f"[{name}]:{port}"
        found = sorted({int(place.rpartition(":")[2]) for place in trust.places})
        assert found == lines_found_by_ssh(path, asked)
        assert bool(trust.named) == bool(found)


@given(st.binary(max_size=300))
def test_no_file_content_is_an_error(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "known_hosts")
        path.write_bytes(content + f"\nhost {public(KEY)}\n".encode())

        trust = KnownHosts().lookup([str(path)], "host", 22)

    assert KEY.convert_to_public() in trust.named


def test_a_changed_file_is_read_again_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    path, known = tmp_path / "known_hosts", KnownHosts()

    before = known.lookup([str(path), "none"], "host", 22)
    path.write_text(f"host {public(KEY)}\n")
    after = known.lookup([str(path), "none"], "host", 22)
    path.unlink()
    gone = known.lookup([str(path), "none"], "host", 22)

    assert (before.named, after.named, gone.named) == ((), (KEY.convert_to_public(),), ())


def test_places_and_problems_count_lines_as_an_editor_does(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"# form\x0cfeed \u2028 and more\n\nbad\nhost {public(KEY)}\r\n")
    known = KnownHosts()

    trust = known.lookup([str(path)], "host", 22)

    assert trust.places == (f"{path}:4",)
    assert known.problems() == (f"{path}:3: not a known_hosts line",)


def test_a_remembered_key_is_found_again_whatever_the_port(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "known_hosts"

    remember(path, "Host", 22, KEY)
    remember(path, "fe80::1", 2222, OTHER)

    known = KnownHosts()
    assert known.lookup([str(path)], "host", 22).named == (KEY.convert_to_public(),)
    assert known.lookup([str(path)], "FE80::1", 2222).named == (OTHER.convert_to_public(),)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_keys_remembered_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: remember(path, f"host{number}", 22, KEY), range(64)))

    hosts = {line.split()[0] for line in path.read_text().splitlines()}
    assert hosts == {f"host{number}" for number in range(64)}


def test_a_fingerprint_is_the_one_that_people_compare(tmp_path: Path) -> None:
    key = tmp_path / "key"
    KEY.write_public_key(key)

    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(key)], capture_output=True, text=True, check=True
    ).stdout

    kind, digest = fingerprint(KEY).split()
    assert digest in shown
    assert f"({kind})" in shown
