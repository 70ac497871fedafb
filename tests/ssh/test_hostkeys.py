"""Host keys on real sshd: whom lazytui trusts, whom it asks about, whom it refuses."""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING

import asyncssh
import pytest

from lazytui.errors import HostKeyError
from tests.ssh.reaching import Answers, connecting, reach, refusal
from tests.sshd_process import write_key

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sshd import SSHFarm, SSHHost

pytestmark = pytest.mark.sshd

NAME = "gpu01.example.org"
ALIAS = [f"HostKeyAlias {NAME}"]


def fingerprint_of(host: SSHHost) -> str:
    return asyncssh.import_public_key(host.public_key).get_fingerprint()


def public_text(path: Path) -> str:
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def another_key(tmp_path: Path, algorithm: str = "ssh-ed25519") -> str:
    write_key(tmp_path / "another", algorithm)
    return public_text(tmp_path / "another")


def certify(farm: SSHFarm, tmp_path: Path, name: str) -> tuple[SSHHost, str]:
    """Start a host with a certificate for ``name``; gives it and the authority's public key."""
    authority, key = tmp_path / "ca", tmp_path / "host_key"
    write_key(authority)
    write_key(key)
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "id", "-h", "-n", name, f"{key}.pub"]
    subprocess.run(sign, check=True, capture_output=True)
    certificate = f"HostCertificate {key}-cert.pub"
    host = farm.add("gpu01", known=False, client_options=ALIAS, host_key=key, options=[certificate])
    return host, public_text(authority)


# --- known keys ------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", [NAME, "*.example.org", "gpu?*,!gpu02*", f"other,{NAME}"])
async def test_a_key_known_for_the_name_is_trusted(farm: SSHFarm, pattern: str) -> None:
    host = farm.add("gpu01", known=False, client_options=ALIAS)
    farm.know(pattern, host.public_key)

    async with connecting(farm) as connector:
        await reach(connector, "gpu01")


@pytest.mark.parametrize("pattern", ["*.example.org,!gpu01.*", "gpu02.example.org", f"[{NAME}]:1"])
async def test_a_key_known_for_others_is_unknown(farm: SSHFarm, pattern: str) -> None:
    host = farm.add("gpu01", known=False, client_options=ALIAS)
    farm.know(pattern, host.public_key)

    async with connecting(farm) as connector:
        error = await refusal(connector, "gpu01")

    assert error.kind == "unknown-key"
    assert fingerprint_of(host) in error.reason


async def test_hashed_names_are_found(farm: SSHFarm) -> None:
    farm.add("gpu01")
    hashing = ["ssh-keygen", "-q", "-H", "-f", str(farm.known_hosts)]
    subprocess.run(hashing, check=True, capture_output=True)
    assert farm.known_hosts.read_text().startswith("|1|")

    async with connecting(farm) as connector:
        await reach(connector, "gpu01")


async def test_a_key_known_for_the_bare_name_is_good_on_other_ports(farm: SSHFarm) -> None:
    host = farm.add("gpu01", known=False)
    farm.know(host.address, host.public_key)

    async with connecting(farm) as connector:
        await reach(connector, "gpu01")


async def test_a_key_of_the_bare_name_does_not_excuse_a_changed_one_on_this_port(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01", known="wrong")
    farm.know(host.address, host.public_key)

    async with connecting(farm) as connector:
        error = await refusal(connector, "gpu01")

    assert "host key changed" in error.reason


async def test_another_key_of_the_bare_name_does_not_make_this_one_changed(
    farm: SSHFarm, tmp_path: Path
) -> None:
    host = farm.add("gpu01", known=False)
    farm.know(host.address, another_key(tmp_path))

    async with connecting(farm, Answers("o")) as connector:
        await reach(connector, "gpu01")


async def test_a_bad_line_costs_only_itself_and_is_told(farm: SSHFarm) -> None:
    farm.know("garbage", "")
    farm.know("@unheard-of x", "ssh-ed25519 AAAA")
    farm.know("broken", "ssh-ed25519 %%%%")
    farm.know("|2|abc|def", "ssh-ed25519 AAAA")
    farm.know(
        "curve", "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAAABBA=="
    )
    farm.add("gpu01")

    async with connecting(farm) as connector:
        await reach(connector, "gpu01")
        problems = connector.judge.problems()

    assert problems == (
        f"{farm.known_hosts}:1: not a known_hosts line",
        f"{farm.known_hosts}:2: unknown marker @unheard-of",
        f"{farm.known_hosts}:3: the key is damaged",
        f"{farm.known_hosts}:4: unknown kind of hashed host name",
    )


# --- certificates ----------------------------------------------------------------------------


async def test_a_host_is_trusted_by_the_certificate_of_a_known_authority(
    farm: SSHFarm, tmp_path: Path
) -> None:
    _, authority = certify(farm, tmp_path, NAME)
    farm.know("@cert-authority *.example.org", authority)

    async with connecting(farm) as connector:
        await reach(connector, "gpu01")


async def test_a_certificate_for_another_name_is_refused(farm: SSHFarm, tmp_path: Path) -> None:
    _, authority = certify(farm, tmp_path, "gpu02.example.org")
    farm.know("@cert-authority *.example.org", authority)

    async with connecting(farm, Answers("a")) as connector:
        error = await refusal(connector, "gpu01")

    assert isinstance(error, HostKeyError)


async def test_a_revoked_authority_vouches_for_nobody(farm: SSHFarm, tmp_path: Path) -> None:
    _, authority = certify(farm, tmp_path, NAME)
    farm.know("@cert-authority *.example.org", authority)
    farm.know("@revoked *", authority)

    async with connecting(farm, Answers("a")) as connector:
        error = await refusal(connector, "gpu01")

    assert "revoked" in error.reason


async def test_a_certificate_of_an_unknown_authority_counts_as_its_plain_key(
    farm: SSHFarm, tmp_path: Path
) -> None:
    host, _ = certify(farm, tmp_path, NAME)

    async with connecting(farm, asker := Answers("a")) as connector:
        await reach(connector, "gpu01")

    assert fingerprint_of(host) in asker.questions[0].lines[0]


async def test_a_plain_key_is_asked_about_although_an_authority_is_known_for_its_name(
    farm: SSHFarm, tmp_path: Path
) -> None:
    farm.add("gpu01", known=False, client_options=ALIAS)
    farm.know("@cert-authority *", another_key(tmp_path))

    async with connecting(farm, asker := Answers("o")) as connector:
        await reach(connector, "gpu01")
        await reach(connector, "gpu01")

    assert len(asker.questions) == 1


# --- unknown keys ----------------------------------------------------------------------------


async def test_an_unknown_key_is_asked_about_once_however_many_wait(farm: SSHFarm) -> None:
    host = farm.add("gpu01", known=False)
    farm.add_entry("again", host.address, host.port)

    async with connecting(farm, asker := Answers("a")) as connector:
        async with asyncio.TaskGroup() as group:
            for name in ("gpu01", "again", "gpu01", "again"):
                group.create_task(reach(connector, name))

    assert len(asker.questions) == 1
    question = asker.questions[0]
    assert question.kind == "hostkey"
    assert fingerprint_of(host) in question.lines[0]
    assert question.choices[-1][0] == "n"


async def test_an_accepted_and_saved_key_is_appended_once_and_known_to_ssh(farm: SSHFarm) -> None:
    host = farm.add("gpu01", known=False)
    farm.known_hosts.write_text("# a comment without a line end")

    async with connecting(farm, Answers("a")) as connector:
        await reach(connector, "gpu01")
        await reach(connector, "gpu01")

    assert farm.known_hosts.read_text() == (
        f"# a comment without a line end\n[{host.address}]:{host.port} {host.public_key}\n"
    )
    assert farm.ssh("gpu01", "echo known").stdout == b"known\n"


async def test_a_key_is_saved_under_its_alias_without_a_port(farm: SSHFarm) -> None:
    host = farm.add("gpu01", known=False, client_options=ALIAS)

    async with connecting(farm, Answers("a")) as connector:
        await reach(connector, "gpu01")

    assert farm.known_hosts.read_text() == f"{NAME} {host.public_key}\n"
    assert farm.ssh("gpu01", "echo known").stdout == b"known\n"


async def test_a_key_accepted_once_is_not_written_and_not_asked_about_again(farm: SSHFarm) -> None:
    farm.add("gpu01", known=False)

    async with connecting(farm, asker := Answers("o")) as connector:
        await reach(connector, "gpu01")
        await reach(connector, "gpu01")

    assert farm.known_hosts.read_text() == ""
    assert len(asker.questions) == 1


async def test_a_key_accepted_once_and_then_changed_is_refused(farm: SSHFarm) -> None:
    host = farm.add("gpu01", known=False)

    async with connecting(farm, asker := Answers("o")) as connector:
        await reach(connector, "gpu01")
        host.rotate_host_key()
        error = await refusal(connector, "gpu01")

    assert "host key changed" in error.reason
    assert "accepted once" in error.reason
    assert len(asker.questions) == 1


@pytest.mark.parametrize("answer", ["n", None])
async def test_a_no_holds_for_all_who_wait_and_is_asked_again_later(
    farm: SSHFarm, answer: str | None
) -> None:
    farm.add("gpu01", known=False)

    async with connecting(farm, asker := Answers(answer, think_s=1.0)) as connector:
        errors = await asyncio.gather(*(refusal(connector, "gpu01") for _ in range(4)))
        asked_at_once = len(asker.questions)
        await refusal(connector, "gpu01")

    assert {error.kind for error in errors} == {"unknown-key"}
    assert not any(error.retry for error in errors)
    assert (asked_at_once, len(asker.questions)) == (1, 2)
    assert farm.known_hosts.read_text() == ""


async def test_the_accepted_key_is_pinned_so_that_another_one_shown_meanwhile_is_refused(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01", known=False)
    accepted = fingerprint_of(host)

    async with connecting(farm, Answers("a", meanwhile=host.rotate_host_key)) as connector:
        error = await refusal(connector, "gpu01")

    assert isinstance(error, HostKeyError)
    assert accepted in error.reason
    assert fingerprint_of(host) in error.reason


@pytest.mark.parametrize("checking", ["accept-new", "no"])
async def test_the_config_can_accept_new_keys_without_a_question(
    farm: SSHFarm, checking: str
) -> None:
    host = farm.add("gpu01", known=False, client_options=[f"StrictHostKeyChecking {checking}"])

    async with connecting(farm, asker := Answers("n")) as connector:
        await reach(connector, "gpu01")

    assert asker.questions == []
    assert host.public_key in farm.known_hosts.read_text()


@pytest.mark.parametrize("option", ["StrictHostKeyChecking yes", "BatchMode yes"])
async def test_the_config_can_refuse_new_keys_without_a_question(
    farm: SSHFarm, option: str
) -> None:
    farm.add("gpu01", known=False, client_options=[option])

    async with connecting(farm, asker := Answers("a")) as connector:
        error = await refusal(connector, "gpu01")

    assert asker.questions == []
    assert error.kind == "unknown-key"


@pytest.mark.parametrize("where", ["none", "/dev/null"])
async def test_keys_are_checked_although_the_config_keeps_no_known_hosts(
    farm: SSHFarm, where: str
) -> None:
    farm.add("gpu01", client_options=[f"UserKnownHostsFile {where}"])
    before = farm.known_hosts.read_text()

    async with connecting(farm) as connector:
        assert (await refusal(connector, "gpu01")).kind == "unknown-key"
    async with connecting(farm, asker := Answers("a")) as connector:
        await reach(connector, "gpu01")
        await reach(connector, "gpu01")

    assert len(asker.questions) == 1
    assert farm.known_hosts.read_text() == before


async def test_a_key_that_cannot_be_saved_is_accepted_for_now_and_that_is_told(
    farm: SSHFarm,
) -> None:
    folder = farm.root / "not-a-folder"
    folder.write_text("")
    farm.add("gpu01", known=False, client_options=[f"UserKnownHostsFile {folder}/known_hosts"])

    async with connecting(farm, asker := Answers("a")) as connector:
        await reach(connector, "gpu01")
        await reach(connector, "gpu01")
        problems = connector.judge.problems()

    assert len(asker.questions) == 1
    assert [problem for problem in problems if "not saved" in problem]


# --- changed and revoked keys ----------------------------------------------------------------


@pytest.mark.parametrize("checking", ["ask", "accept-new", "no"])
async def test_a_changed_key_stops_hard_and_names_both_keys_and_the_line(
    farm: SSHFarm, checking: str
) -> None:
    farm.know("somebody-else", "ssh-ed25519 AAAA")
    host = farm.add("gpu01", known="wrong", client_options=[f"StrictHostKeyChecking {checking}"])
    known = asyncssh.read_public_key(host.host_key.with_name("wrong_key.pub")).get_fingerprint()

    async with connecting(farm, asker := Answers("a")) as connector:
        error = await refusal(connector, "gpu01")

    assert error.reason == (
        f"host key changed: now ED25519 {fingerprint_of(host)}, known ED25519 {known} "
        f"({farm.known_hosts}:2)"
    )
    assert (error.kind, error.retry) == ("hostkey", False)
    assert asker.questions == []
    assert "Accepted publickey" not in host.log.read_text()


async def test_a_host_that_shows_only_another_kind_of_key_has_changed(
    farm: SSHFarm, tmp_path: Path
) -> None:
    farm.add("gpu01", known=False, client_options=ALIAS)
    farm.know(NAME, another_key(tmp_path, "ecdsa-sha2-nistp256"))

    async with connecting(farm, asker := Answers("a")) as connector:
        error = await refusal(connector, "gpu01")

    assert error.reason.startswith("host key changed: now ED25519 SHA256:")
    assert "NISTP256 SHA256:" in error.reason
    assert asker.questions == []


async def test_a_host_with_several_keys_is_asked_for_the_known_one(
    farm: SSHFarm, tmp_path: Path
) -> None:
    write_key(tmp_path / "rsa", "ssh-rsa")
    farm.add("gpu01", known=False, client_options=ALIAS, options=[f"HostKey {tmp_path / 'rsa'}"])
    farm.know(NAME, public_text(tmp_path / "rsa"))

    async with connecting(farm) as connector:
        await reach(connector, "gpu01")


async def test_a_name_with_another_key_is_refused_although_its_address_is_known(
    farm: SSHFarm, tmp_path: Path
) -> None:
    farm.add("gpu01", known=True, client_options=ALIAS)
    farm.know(NAME, another_key(tmp_path))

    async with connecting(farm, asker := Answers("a")) as connector:
        error = await refusal(connector, "gpu01")

    assert "host key changed" in error.reason
    assert asker.questions == []


async def test_a_new_name_on_an_address_that_is_known_with_another_key_is_refused(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01", known="wrong", client_options=ALIAS)

    async with connecting(farm, asker := Answers("a")) as connector:
        error = await refusal(connector, "gpu01")

    assert f"host key changed: {host.address} is known with" in error.reason
    assert asker.questions == []


@pytest.mark.parametrize("pattern", ["*", "somebody-else", NAME])
async def test_a_revoked_key_is_refused_wherever_it_is_revoked(farm: SSHFarm, pattern: str) -> None:
    host = farm.add("gpu01", client_options=ALIAS)
    farm.know(NAME, host.public_key)
    farm.know(f"@revoked {pattern}", host.public_key)

    async with connecting(farm, asker := Answers("a")) as connector:
        error = await refusal(connector, "gpu01")

    assert "revoked" in error.reason
    assert asker.questions == []
