"""WHERE: node sets, groups and filters select the hosts a person means, or say what is wrong."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.core.model import GpuMetrics, HostState, Metrics, RuntimeInfo
from lazytui.core.probes import Probe, says_true
from lazytui.core.where import MAX_NAMES, expand, fold, parse_where
from lazytui.errors import UsageError

GIB = 1024**3
DOCKER, GIT = Probe("program", "docker"), Probe("program", "git")
DATA = Probe("command", 'test -d "/data" && echo true')


@dataclass(frozen=True)
class Facts:
    host: str
    state: HostState = HostState.ACTIVE
    info: RuntimeInfo | None = None
    metrics: Metrics | None = None
    labels: tuple[str, ...] = ()

    said: tuple[tuple[Probe, bool], ...] = ()

    def tags(self) -> tuple[str, ...]:
        return self.labels

    def answer(self, probe: Probe) -> bool | None:
        return dict(self.said).get(probe)


def sample(
    *, cpu: float = 0.1, load: float = 0.2, mem: float = 0.5, gpus: tuple[GpuMetrics, ...] = ()
) -> Metrics:
    return Metrics(0.0, cpu, load, int(mem * 64 * GIB), 64 * GIB, 95, 100, 0.0, 0.0, gpus)


HOSTS = (
    Facts(
        "gpu01",
        info=RuntimeInfo("Ubuntu 24.04", 64, 64 * GIB, "3.11.7", ("A100",)),
        metrics=sample(gpus=(GpuMetrics("A100", 0.0, 0, 80 * GIB),)),
        labels=("Train",),
        said=((DOCKER, True), (GIT, False), (DATA, True)),
    ),
    Facts(
        "gpu02",
        info=RuntimeInfo("Ubuntu 24.04", 64, 64 * GIB, "3.8.1", ("T4",)),
        metrics=sample(cpu=0.9, mem=0.9, gpus=(GpuMetrics("T4", 0.99, 15 * GIB, 16 * GIB),)),
        labels=("train", "old"),
        said=((DOCKER, False), (GIT, False), (DATA, False)),
    ),
    Facts(
        "cpu01",
        info=RuntimeInfo("Debian GNU/Linux 12", 8, 16 * GIB, "3.11.2"),
        metrics=sample(load=7.5),
    ),
    Facts("db01", state=HostState.INACTIVE),
    Facts("db-02", state=HostState.STALE),
    Facts("user@h1", state=HostState.LISTED),
)
GROUPS = {"train": ["gpu01", "gpu02", "gone99"], "dbs": ["db01", "db-02"]}
ALL = [facts.host for facts in HOSTS]


def select(text: str, bare_words: str = "exact") -> list[str]:
    return parse_where(text, bare_words=bare_words).select(HOSTS, GROUPS)  # type: ignore[arg-type]


# --- folding and expanding ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        ([], ""),
        (["gpu01"], "gpu01"),
        (["gpu02", "gpu01", "cpu01", "gpu03"], "gpu[01-03],cpu01"),
        (["n1", "n1", "n3", "n4"], "n[1,3-4]"),
        (["user@h1", "user@h2"], "user@h[1-2]"),
        (["10.0.0.9", "10.0.0.10"], "10.0.0.[9-10]"),
        (["a[b"], '"a[b"'),
        (["x y", "gpu1"], '"x y",gpu1'),
        (['say "hi"'], r'"say \"hi\""'),
    ],
)
def test_names_fold_in_the_order_of_their_first_appearance(names: list[str], folded: str) -> None:
    assert fold(names) == folded


@pytest.mark.parametrize(
    ("nodeset", "names"),
    [
        ("", []),
        ("gpu[01-03],cpu01", ["gpu01", "gpu02", "gpu03", "cpu01"]),
        ("b,a,b", ["b", "a"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("a[b", ["a[b"]),
        ("a[3-1],b", ["a[3-1]", "b"]),
        (f"a[1-{MAX_NAMES + 1}]", [f"a[1-{MAX_NAMES + 1}]"]),
        ("n[0-999999999]", ["n[0-999999999]"]),
        ('"a,b",c', ["a,b", "c"]),
        (" x , y ", ["x", "y"]),
    ],
)
def test_a_node_set_expands_and_what_is_none_is_kept_as_a_name(
    nodeset: str, names: list[str]
) -> None:
    assert expand(nodeset) == names


odd_names = st.text(min_size=1, max_size=200)
plain_names = st.from_regex(r"[a-z]{1,3}[0-9]{1,3}(-[0-9]{1,2})?", fullmatch=True)


@given(st.lists(st.one_of(plain_names, odd_names)))
def test_every_name_folded_is_the_same_name_expanded(names: list[str]) -> None:
    assert set(expand(fold(names))) == set(names)
    assert len(expand(fold(names))) == len(set(names))


@given(st.text())
def test_any_text_expands_to_something(text: str) -> None:
    assert all(isinstance(name, str) for name in expand(text))


def test_folding_a_single_name_does_not_load_clustershell() -> None:
    script = (
        "import sys; from lazytui.core.where import fold, parse_where;"
        "fold(['gpu01', 'cpu01']); parse_where('gpu01 mem<80%', bare_words='exact');"
        "assert not any(name.startswith('ClusterShell') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


# --- selecting ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("", ALL),
        ("  ", ALL),
        ("gpu01", ["gpu01"]),
        ("cpu01,gpu01", ["gpu01", "cpu01"]),  # in the order of the hosts, not of the words
        ("cpu01, gpu01", ["gpu01", "cpu01"]),
        ("gpu[01-02]", ["gpu01", "gpu02"]),
        ("gpu[01-02] gpu01", ["gpu01"]),
        ("user@h1", ["user@h1"]),
        ("gpu*", ["gpu01", "gpu02"]),
        ('"user@h1"', ["user@h1"]),
        ("@train", ["gpu01", "gpu02"]),  # a member that is no host any more is passed over
        ("@train,cpu01", ["gpu01", "gpu02", "cpu01"]),
        ("@train - gpu02", ["gpu01"]),
        ("@train & gpu02", ["gpu02"]),
        ("!@train", ["cpu01", "db01", "db-02", "user@h1"]),
        ("!!gpu01", ["gpu01"]),
        ("- @dbs", ["gpu01", "gpu02", "cpu01", "user@h1"]),
        ("/^DB/", ["db01", "db-02"]),
        (r"/^db-?0[12]$/ !/\d1/", ["db-02"]),
        ("state:up", ["gpu01", "gpu02", "cpu01"]),
        ("state:down", ["db01"]),
        ("state:stale,inactive", ["db01", "db-02"]),
        ("STATE:Down", ["db01"]),
        ("gpu>=1", ["gpu01", "gpu02"]),
        ("gpu=0", ["cpu01"]),
        ("gpu<10%", ["gpu01"]),
        ("vram>20G", ["gpu01"]),
        ("vram>90%", ["gpu02"]),
        ("mem>32G", ["gpu01", "gpu02"]),
        ("mem>=16GiB mem<=16384m", ["cpu01"]),
        ("mem<80%", ["gpu01", "cpu01"]),
        ("cpu<50%", ["gpu01", "cpu01"]),
        ("cpu>50", ["gpu02"]),
        ("cores>=8 cores<64", ["cpu01"]),
        ("cores!=8", ["gpu01", "gpu02"]),
        ("load<1", ["gpu01", "gpu02"]),
        ("disk>90%", ["gpu01", "gpu02", "cpu01"]),
        ("disk>90B", ["gpu01", "gpu02", "cpu01"]),
        ("python>=3.8", ["gpu01", "gpu02", "cpu01"]),
        ("python=3.11", ["gpu01", "cpu01"]),
        ("python>3.11", []),
        ("python>3.11.6", ["gpu01"]),
        ("os:ubuntu", ["gpu01", "gpu02"]),
        ('os:"debian gnu"', ["cpu01"]),
        ("tag:train", ["gpu01", "gpu02"]),
        ("tag:train !tag:old", ["gpu01"]),
        ("host:db*,cpu*", ["cpu01", "db01", "db-02"]),
        ("!gpu>=1 state:up", ["cpu01"]),
        ("has:docker", ["gpu01"]),
        ("installed:docker", ["gpu01"]),
        ("has:git,docker", ["gpu01"]),
        ("!has:docker", ["gpu02"]),  # not the others: they were never asked
        ("!has:git,docker", ["gpu02"]),
        ("has:podman", []),
        (r'cmd:"test -d \"/data\" && echo true"', ["gpu01"]),
        (r'gpu>=1 !cmd:"test -d \"/data\" && echo true"', ["gpu02"]),
    ],
)
def test_a_where_selects_the_hosts_it_describes(text: str, hosts: list[str]) -> None:
    assert select(text) == hosts


@pytest.mark.parametrize(
    ("text", "needed"),
    [("gpu[01-02] !@train /x/ db*", False), ("state:up", True), ("cpu01 !mem<80%", True)],
)
def test_it_is_known_whether_hosts_must_be_detected_first(text: str, needed: bool) -> None:
    assert parse_where(text, bare_words="exact").needs_facts is needed


def test_it_is_known_what_hosts_must_be_asked_and_which_groups_are_named() -> None:
    where = parse_where('has:docker,git !cmd:"x y" @train - @dbs,gpu01', bare_words="exact")

    assert where.probes == {DOCKER, GIT, Probe("command", "x y")}
    assert where.group_names == {"train", "dbs"}
    assert where.needs_facts
    assert not parse_where("gpu01 @train", bare_words="exact").probes


@pytest.mark.parametrize(
    ("text", "lasting"),
    [
        ("gpu01", '"gpu01"'),
        ("gpu01,db01 mem>4G - cpu01", '"gpu01","db01" mem>4G - "cpu01"'),
        ("gpu[01-02] @train /x/ db* host:gpu01", "gpu[01-02] @train /x/ db* host:gpu01"),
        ('"gpu01"', '"gpu01"'),
        ("", ""),
    ],
)
def test_a_where_can_be_kept_in_words_that_mean_the_same_everywhere(
    text: str, lasting: str
) -> None:
    where = parse_where(text, bare_words="exact")

    assert where.lasting_text == lasting
    assert select(lasting, "fuzzy") == select(text)


@pytest.mark.parametrize("text", ["gp1", "gp1 cpu,d2 mem>4G"])
def test_what_was_typed_on_a_screen_is_kept_as_it_is(text: str) -> None:
    assert parse_where(text, bare_words="fuzzy").lasting_text == text


@pytest.mark.parametrize(
    ("output", "yes"),
    [
        ("true", True),
        ("True\n", True),
        ("a\nb\n TRUE \n\n", True),
        ("true\nfalse\n", False),
        ("it is true", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_a_command_says_true_by_its_last_line(output: object, yes: bool) -> None:
    assert says_true(output) is yes


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("gp1", ["gpu01"]),
        ("DB", ["db01", "db-02"]),
        ("d 2", ["db-02"]),
        ("!db !gpu", ["cpu01", "user@h1"]),
        ("gpu[01-99]", ["gpu01", "gpu02"]),  # a node set may name more than there is
        ("db,gp1", ["gpu01", "db01", "db-02"]),
        ("gpu01,", ["gpu01"]),  # still being typed
        ("nothing-like-this", []),
    ],
)
def test_on_a_screen_a_bare_word_is_fuzzy(text: str, hosts: list[str]) -> None:
    assert select(text, "fuzzy") == hosts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gpu03", "unknown host: gpu03 (did you mean gpu02, gpu01"),
        ("gpu[01-03]", "unknown host: gpu03"),
        ("gp", "unknown host: gp"),
        ("web*", "nothing fits web*"),
        ("@trian", "unknown group: @trian (did you mean train?)"),
        ("n[1-9]", "n5 and 4 more"),
        ("gpu01,db03,db04", "unknown host: db03"),
    ],
)
def test_on_the_command_line_an_unknown_name_is_an_error_that_names_it(
    text: str, said: str
) -> None:
    with pytest.raises(UsageError) as raised:
        select(text)

    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("gpu[01-", 1, "node set such as"),
        ("cpu01 gpu[2-1]", 7, "node set"),
        ("gpu[1-99999999]", 1, "65,536"),
        ("!", 2, "expected a host"),
        ("gpu01 -", 8, "expected a host"),
        ("& gpu01", 1, "before '&'"),
        ("@", 1, "expected a name"),
        (",gpu01", 1, "expected a name"),
        ("/(/", 1, "regular expression"),
        ("/abc", 1, "'/' at the end"),
        ('"abc', 1, "at the end of the name"),
        ("gpu01 mem<80", 7, "mem<80%"),
        ("cores>=eight", 1, "a number"),
        ("cores>=8G", 1, "a number"),
        ("cpu<1G", 1, "cpu<50%"),
        ("python>=three", 1, "python>=3.8"),
        ("state:sleepy", 1, "listed, connecting"),
        ("state>up", 1, "expected 'state:'"),
        ("tag:", 1, "a word after"),
        ("memory>1G", 1, "expected one of gpu, vram, mem"),
        ("has:", 1, "a word after 'has:'"),
        ("has>docker", 1, "expected 'has:'"),
        ("cmd:true", 1, "in double quotes that prints true"),
        ('cmd:" "', 1, "in double quotes that prints true"),
        ('cpu01 cmd:"nvidia-smi', 11, "at the end of the name"),
        ("gpu[1-2]!gpu1", 1, "node set such as"),
    ],
)
def test_what_does_not_parse_says_where_and_what_was_expected(
    text: str, position: int, expected: str
) -> None:
    with pytest.raises(UsageError) as raised:
        select(text)

    assert f"at character {position}:" in str(raised.value)
    assert expected in str(raised.value)


TOKENS = r'gpu01 @train ! - & , / " [ ] [1-3] mem < >= 80% 20G : state python 3.8 host: * ? \ ( é ²'
pieces = st.sampled_from([*TOKENS.split(), " ", "\n", "\x00"])


@given(
    st.one_of(st.text(), st.lists(pieces, max_size=12).map("".join)),
    st.sampled_from(["exact", "fuzzy"]),
)
def test_any_text_selects_known_hosts_or_is_a_usage_error(text: str, bare_words: str) -> None:
    try:
        selected = select(text, bare_words)
    except UsageError:
        return
    assert set(selected) <= set(ALL)


@given(st.sets(st.sampled_from(ALL)))
def test_a_folded_selection_selects_itself(names: set[str]) -> None:
    text = fold(sorted(names))

    assert set(select(text)) == (names or set(ALL))


@given(st.sampled_from(["gpu>=1", "mem<80%", "state:up", "@train", "/1/", "gpu[01-02]", "tag:old"]))
def test_a_term_and_its_negation_share_every_host_between_them(term: str) -> None:
    assert sorted(select(term) + select(f"!{term}")) == sorted(ALL)
