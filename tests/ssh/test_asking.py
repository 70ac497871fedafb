"""What only a person knows: passphrases on real sshd; passwords and codes on asyncssh's servers.

A real sshd checks passwords against the accounts of the machine, which a test leaves alone.
"""

from __future__ import annotations

import asyncio
import subprocess
from typing import TYPE_CHECKING

import pytest

from lazytui.ssh import proof
from lazytui.ssh.credentials import Question, Reply
from lazytui.ssh.login import Login
from tests import evil
from tests.ssh.reaching import connecting, reach, refusal, ssh_agent
from tests.sshd_process import encrypt, write_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lazytui.ssh.connector import Connector
    from tests.evil import OddServer
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd


class Person:
    """Types these texts, one for each question with fields; then says nothing any more.

    Args:
        texts: what is typed; a tuple where there are several fields.
        remember: is ticked.
        share: is ticked.
    """

    def __init__(
        self, *texts: str | tuple[str, ...], remember: bool = False, share: bool = False
    ) -> None:
        self.questions: list[Question] = []
        self.asked = asyncio.Event()
        self.thinking = asyncio.Event()
        self.thinking.set()
        self._texts = list(texts)
        self._remember, self._share = remember, share

    async def ask(self, question: Question) -> Reply | None:
        self.questions.append(question)
        self.asked.set()
        await asyncio.sleep(0.2)  # others get the time to ask as well
        await self.thinking.wait()
        if not self._texts and self._share:
            await asyncio.Event().wait()  # nothing more has to be typed
        if not self._texts:
            return None
        texts = self._texts.pop(0)
        typed = (texts,) if isinstance(texts, str) else texts
        return Reply(typed, self._remember, self._share)

    def joined(self, question: Question, host: str) -> None:
        """It is in the question's ``waiting``."""


def give_locked_key(farm: SSHFarm, name: str) -> None:
    """Let a host of the ssh config be reached with a key of its own only, which is locked."""
    write_key(key := farm.root / f"key of {name}")
    with farm.client_key.with_suffix(".pub").open("a") as keys:
        keys.write(key.with_suffix(".pub").read_text())
    encrypt(key)
    others = farm.config.read_text().replace(f"IdentityFile {farm.client_key}", "Compression no")
    own = f'Host {name}\n  IdentityFile "{key}"\n'
    farm.config.write_text(f"{own}Host * !{name}\n  IdentityFile {farm.client_key}\n{others}")


async def log_in(connector: Connector, host: str) -> None:
    """Log in and leave; the odd servers run no commands."""
    connection = await connector.connect(host)
    await connection.close()


def tried(server: OddServer) -> list[str]:
    """What a server was told, but for the connections."""
    return [seen for seen in server.seen if seen != "connection"]


# --- passphrases, on real sshd ---------------------------------------------------------------


async def test_a_passphrase_is_asked_once_for_all_hosts_that_take_the_key(farm: SSHFarm) -> None:
    names = [farm.add(f"gpu0{number}").name for number in range(4)]
    encrypt(farm.client_key)
    person = Person("secret")

    async with connecting(farm, person) as connector, asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(reach(connector, name))

    (question,) = person.questions
    assert (question.kind, question.title) == ("passphrase", "Passphrase of id_ed25519")
    assert not question.fields[0].echo
    assert question.waiting == set(names)


@pytest.mark.parametrize("remember", [True, False])
async def test_a_key_stays_open_only_if_it_is_to_be_remembered(
    farm: SSHFarm, remember: bool
) -> None:
    farm.add("gpu01")
    encrypt(farm.client_key)
    person = Person("secret", "secret", remember=remember)

    async with connecting(farm, person) as connector:
        await reach(connector, "gpu01")
        await reach(connector, "gpu01")

    assert len(person.questions) == (1 if remember else 2)


async def test_a_wrong_passphrase_is_asked_again_and_told_to_no_server(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    encrypt(farm.client_key)
    person = Person("wrong", "secret")

    async with connecting(farm, person) as connector:
        await reach(connector, "gpu01")

    assert person.questions[1].lines[0] == "wrong passphrase, 2 tries left"
    assert "Failed" not in host.log.read_text()


async def test_three_wrong_passphrases_are_enough(farm: SSHFarm) -> None:
    farm.add("gpu01")
    encrypt(farm.client_key)
    person = Person("one", "two", "three", "secret")

    async with connecting(farm, person) as connector:
        error = await refusal(connector, "gpu01")

    assert len(person.questions) == 3
    assert error.reason == "permission denied (id_ed25519 needs a passphrase)"
    assert error.retry is False


async def test_no_passphrase_is_asked_for_a_key_that_the_host_does_not_take(farm: SSHFarm) -> None:
    farm.add("locked", options=["AuthorizedKeysFile none"])
    encrypt(farm.client_key)
    person = Person("secret")

    async with connecting(farm, person) as connector:
        error = await refusal(connector, "locked")

    assert person.questions == []
    assert error.reason == "permission denied (tried: id_ed25519)"


async def test_a_key_whose_public_part_is_unknown_is_opened_when_all_others_are_refused(
    farm: SSHFarm, tmp_path: Path
) -> None:
    key = tmp_path / "old_rsa"
    write_key(key, "ssh-rsa")
    encrypt(key, "-m", "PEM")
    public = key.with_suffix(".pub").rename(tmp_path / "known.pub")
    farm.add(
        "gpu01",
        options=[f"AuthorizedKeysFile {public}"],
        client_options=[f"IdentityFile {key}"],
    )
    person = Person("secret")

    async with connecting(farm, person) as connector:
        await reach(connector, "gpu01")

    assert [question.title for question in person.questions] == ["Passphrase of old_rsa"]


async def test_a_certificate_is_offered_with_a_key_that_is_locked(
    farm: SSHFarm, tmp_path: Path
) -> None:
    write_key(authority := tmp_path / "ca")
    sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", farm.user]
    subprocess.run([*sign, f"{farm.client_key}.pub"], check=True, capture_output=True)
    encrypt(farm.client_key)
    farm.add("gpu01", options=["AuthorizedKeysFile none", f"TrustedUserCAKeys {authority}.pub"])
    person = Person("secret")

    async with connecting(farm, person) as connector:
        await reach(connector, "gpu01")

    assert len(person.questions) == 1


async def test_the_agent_spares_the_passphrase(
    farm: SSHFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.add("gpu01")
    with ssh_agent(tmp_path, farm.client_key) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        encrypt(farm.client_key)
        person = Person("secret")
        async with connecting(farm, person) as connector:
            await reach(connector, "gpu01")

    assert person.questions == []


async def test_in_batch_mode_nothing_is_asked(farm: SSHFarm) -> None:
    farm.add("gpu01", client_options=["BatchMode yes"])
    encrypt(farm.client_key)
    person = Person("secret")

    async with connecting(farm, person) as connector:
        error = await refusal(connector, "gpu01")

    assert person.questions == []
    assert error.reason == "permission denied (id_ed25519 needs a passphrase)"


async def test_a_bastion_asks_once_for_all_hosts_behind_it(farm: SSHFarm) -> None:
    gateway = farm.add("gw1")
    names = [farm.add(f"inner{number}", jump="gw1").name for number in range(4)]
    give_locked_key(farm, "gw1")
    person = Person("secret")

    async with connecting(farm, person) as connector, asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(reach(connector, name))

    assert [question.host for question in person.questions] == ["gw1"]
    assert gateway.connections() == 2  # one to learn that the key is wanted


async def test_who_is_cancelled_hands_the_question_on(farm: SSHFarm) -> None:
    names = [farm.add(f"gpu0{number}").name for number in range(2)]
    encrypt(farm.client_key)
    person = Person("secret", "secret")
    person.thinking.clear()

    async with connecting(farm, person) as connector:
        first = asyncio.create_task(reach(connector, names[0]))
        await person.asked.wait()
        second = asyncio.create_task(reach(connector, names[1]))
        while names[1] not in person.questions[0].waiting:
            await asyncio.sleep(0.01)
        first.cancel()
        person.thinking.set()
        await second

    assert [question.host for question in person.questions] == names


async def test_a_host_that_waits_for_a_person_takes_nobodys_place(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    farm.add_entry("shut", host.address, host.port)
    give_locked_key(farm, "shut")
    person = Person("secret")
    person.thinking.clear()

    async with connecting(farm, person, starts_per_address=1, starts_total=1) as connector:
        waiting = asyncio.create_task(reach(connector, "shut"))
        await person.asked.wait()
        await reach(connector, "gpu01")
        person.thinking.set()
        await waiting


# --- passwords and codes, on asyncssh's servers ----------------------------------------------


async def test_a_password_is_asked_and_sent_once(farm: SSHFarm) -> None:
    async with evil.password_only("sesame") as server:
        farm.add_odd("guarded", server)
        person = Person("sesame")
        async with connecting(farm, person) as connector:
            await log_in(connector, "guarded")

    (question,) = person.questions
    assert question.title == f"{farm.user}'s password on guarded"
    assert question.lines == (f"logging in as {farm.user} on {server.address}:{server.port}",)
    assert tried(server) == ["password sesame"]


async def test_a_wrong_password_is_asked_again_on_the_same_connection(farm: SSHFarm) -> None:
    async with evil.password_only("sesame") as server:
        farm.add_odd("guarded", server)
        person = Person("wrong", "sesame")
        async with connecting(farm, person) as connector:
            await log_in(connector, "guarded")

    assert person.questions[1].lines[0] == "wrong password, 2 tries left"
    assert server.seen == ["connection", "connection", "password wrong", "password sesame"]


async def test_after_three_wrong_passwords_it_stops_and_warns(farm: SSHFarm) -> None:
    async with evil.password_only("sesame") as server:
        farm.add_odd("guarded", server)
        person = Person("one", "two", "three", "sesame")
        async with connecting(farm, person) as connector:
            error = await refusal(connector, "guarded")

    assert tried(server) == ["password one", "password two", "password three"]
    assert server.seen.count("connection") == 2  # each one that fails counts against us
    assert error.reason.startswith("permission denied: 3 times a wrong password; wait a minute")
    assert error.retry is False


@pytest.mark.parametrize("texts", [(), ("",)])
async def test_without_an_answer_the_host_needs_a_password(
    farm: SSHFarm, texts: tuple[str, ...]
) -> None:
    async with evil.password_only("sesame") as server:
        farm.add_odd("guarded", server)
        async with connecting(farm, Person(*texts)) as connector:
            error = await refusal(connector, "guarded")

    assert (error.reason, error.kind) == ("needs a password (tried: id_ed25519)", "password")
    assert tried(server) == []


@pytest.mark.parametrize("remember", [True, False])
async def test_a_password_is_kept_only_if_it_is_to_be_remembered(
    farm: SSHFarm, remember: bool
) -> None:
    async with evil.password_only("sesame") as server:
        farm.add_odd("guarded", server)
        person = Person("sesame", "sesame", remember=remember)
        async with connecting(farm, person) as connector:
            await log_in(connector, "guarded")
            await log_in(connector, "guarded")

    assert len(person.questions) == (1 if remember else 2)


async def test_a_remembered_password_that_was_changed_is_sent_once_and_forgotten(
    farm: SSHFarm,
) -> None:
    async with evil.password_only("sesame") as server:
        farm.add_odd("guarded", server)
        person = Person("sesame", "open", "open", remember=True)
        async with connecting(farm, person) as connector:
            await log_in(connector, "guarded")
            server.accept("open")
            await log_in(connector, "guarded")
            await log_in(connector, "guarded")

    assert tried(server) == [f"password {p}" for p in ("sesame", "sesame", "open", "open")]
    assert len(person.questions) == 2


async def test_one_password_may_be_for_all_that_ask_for_it_now(farm: SSHFarm) -> None:
    async with evil.password_only("sesame") as one, evil.password_only("sesame") as two:
        farm.add_odd("one", one)
        farm.add_odd("two", two)
        person = Person("sesame", share=True)
        person.thinking.clear()
        async with connecting(farm, person) as connector, asyncio.TaskGroup() as group:
            for name in ("one", "two"):
                group.create_task(log_in(connector, name))
            while len(person.questions) < 2:
                await asyncio.sleep(0.01)
            person.thinking.set()

    assert tried(one) == tried(two) == ["password sesame"]


async def test_a_remembered_password_is_not_sent_to_the_same_address_behind_a_bastion(
    farm: SSHFarm,
) -> None:
    farm.add("gw1")
    async with evil.password_only("sesame") as server:
        farm.add_odd("near", server)
        farm.add_entry(
            "far",
            server.address,
            server.port,
            public_key=server.public_key,
            client_options=["ProxyJump gw1"],
        )
        person = Person("sesame", remember=True)
        async with connecting(farm, person) as connector:
            await log_in(connector, "near")
            await refusal(connector, "far")

    assert tried(server) == ["password sesame"]
    assert person.questions[1].lines[0].endswith(", via gw1")


async def test_what_a_server_asks_is_made_harmless_and_may_be_seen_if_it_says_so(
    farm: SSHFarm,
) -> None:
    prompts = (("\x1b]0;owned\x07Co\x1b[2Jde: ", False), ("Your \u202eteam: ", True))
    async with evil.keyboard_interactive(prompts, ("123456", "blue")) as server:
        farm.add_odd("token", server)
        person = Person(("123456", "blue"))
        async with connecting(farm, person) as connector:
            await log_in(connector, "token")

    (question,) = person.questions
    assert [field.echo for field in question.fields] == [False, True]
    seen = [question.title, *question.lines, *(field.prompt for field in question.fields)]
    assert not [text for text in seen if "\x1b" in text or "\u202e" in text or "\x07" in text]
    assert "“Look at your token”" in question.lines
    assert not question.lasting
    assert tried(server) == ["answer 123456", "answer blue"]
    assert server.seen.count("connection") == 1  # a code is for the connection that asked


async def test_codes_of_two_logins_are_asked_one_by_one(farm: SSHFarm) -> None:
    async with evil.keyboard_interactive((("Code: ", False),), ("1",)) as server:
        farm.add_odd("one", server)
        farm.add_odd("two", server)
        person = Person("1", "1")
        async with connecting(farm, person) as connector, asyncio.TaskGroup() as group:
            for name in ("one", "two"):
                group.create_task(log_in(connector, name))

    assert {question.host for question in person.questions} == {"one", "two"}


@pytest.mark.parametrize("who", ["we lose patience", "the server does"])
async def test_an_answer_that_comes_late_begins_a_new_connection(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    if who == "we lose patience":
        monkeypatch.setattr(proof, "HOLD_S", 0.05)
    async with evil.keyboard_interactive((("Code: ", False),), ("1",)) as server:
        farm.add_odd("token", server)
        person = Person("1")
        person.thinking.clear()
        async with connecting(farm, person) as connector:
            work = asyncio.create_task(log_in(connector, "token"))
            await person.asked.wait()
            if who == "the server does":
                server.hang_up()
            await asyncio.sleep(0.3)
            person.thinking.set()
            await work

    assert len(person.questions) == 1
    assert server.seen == ["connection", "connection", "answer 1"]


async def test_the_time_for_the_login_does_not_run_while_a_person_thinks(farm: SSHFarm) -> None:
    async with evil.keyboard_interactive((("Code: ", False),), ("1",)) as server:
        farm.add_odd("token", server)
        person = Person("1")
        person.thinking.clear()
        async with connecting(farm, person, login_timeout_s=1.0) as connector:
            work = asyncio.create_task(log_in(connector, "token"))
            await person.asked.wait()
            await asyncio.sleep(1.5)
            person.thinking.set()
            await work

    assert server.seen.count("connection") == 1


@pytest.mark.parametrize("late", [False, True])
async def test_a_password_and_then_a_code_are_asked_once_each(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    async with evil.two_steps("sesame", "123456") as server:
        farm.add_odd("token", server)
        person = Person("sesame", "123456")
        async with connecting(farm, person) as connector:
            work = asyncio.create_task(log_in(connector, "token"))
            async with asyncio.timeout(20):
                while len(person.questions) < 2:
                    await asyncio.sleep(0.01)
            if late:
                server.hang_up()  # after the password, while the code is being typed
            await work

    assert [question.kind for question in person.questions] == ["password", "keyboard"]
    again = ["answer sesame"] if late else []
    assert tried(server) == ["answer sesame", *again, "answer 123456"]


async def test_a_wrong_code_is_asked_again_with_the_password_before_it(farm: SSHFarm) -> None:
    async with evil.two_steps("sesame", "123456") as server:
        farm.add_odd("token", server)
        person = Person("sesame", "000000", "sesame", "123456")
        async with connecting(farm, person) as connector:
            await log_in(connector, "token")

    assert person.questions[2].lines[0] == "wrong answer, 2 tries left"
    assert server.seen.count("connection") == 1


def _password_server() -> object:
    return evil.password_only("sesame")


def _keyboard_server() -> object:
    return evil.keyboard_interactive((("Password: ", False),), ("sesame",))


@pytest.mark.parametrize("make", [_password_server, _keyboard_server])
async def test_the_password_of_a_script_answers_without_asking(
    farm: SSHFarm, make: Callable[[], object]
) -> None:
    async with make() as server:  # type: ignore[attr-defined]
        farm.add_odd("guarded", server)
        person = Person("wrong")
        async with connecting(farm, person) as connector:
            connector.logins["guarded"] = Login(password="sesame")
            await log_in(connector, "guarded")

    assert person.questions == []


@pytest.mark.parametrize("passphrase", ["secret", "wrong"])
async def test_the_passphrase_of_a_script_opens_the_key_without_asking(
    farm: SSHFarm, passphrase: str
) -> None:
    farm.add("gpu01")
    encrypt(farm.client_key)
    person = Person("secret")

    async with connecting(farm, person) as connector:
        connector.logins["gpu01"] = Login(passphrase=passphrase)
        if passphrase == "secret":
            await reach(connector, "gpu01")
        else:
            error = await refusal(connector, "gpu01")
            assert "passphrase" in error.reason

    assert person.questions == []


async def test_the_wrong_password_of_a_script_is_sent_once(farm: SSHFarm) -> None:
    async with evil.password_only("sesame") as server:
        farm.add_odd("guarded", server)
        person = Person("sesame")
        async with connecting(farm, person) as connector:
            connector.logins["guarded"] = Login(password="wrong")
            error = await refusal(connector, "guarded")

    assert tried(server) == ["password wrong"]
    assert person.questions == []
    assert error.reason == "permission denied: a wrong password"
