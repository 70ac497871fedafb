"""Every fact of the API has a test that cites it, and every name is what the facts say."""

from __future__ import annotations

import inspect
import re

import pytest

import lazytui
from lazytui.clusters.base import MasterLauncher, WorkerLauncher
from tests.library import facts

LAUNCHERS = {"MasterLauncher": MasterLauncher, "WorkerLauncher": WorkerLauncher}
NAMES = facts.names()
CITED = facts.citations()


def owner_of(name: facts.Name) -> type:
    return LAUNCHERS.get(name.owner) or getattr(lazytui, name.owner)


@pytest.mark.parametrize("fact", facts.cited_facts())
def test_a_fact_is_cited_by_a_test(fact: str) -> None:
    assert [each.test for each in CITED if each.fact == fact]


def test_a_fact_is_written_down_once() -> None:
    every = facts.cited_facts()

    assert sorted(every) == sorted(set(every))
    assert len(every) > 200


def test_no_test_cites_what_is_no_fact() -> None:
    known = set(facts.cited_facts())

    assert [each for each in CITED if each.fact not in known] == []


def test_a_test_that_cites_a_name_or_an_error_has_it_in_its_code() -> None:
    without = []
    for each in CITED:
        word = re.split(r"[ .]", each.fact)[-1] if ": " not in each.fact else ""
        if not re.search(rf"\b{word}\b", each.code):
            without.append((each.fact, each.test))

    assert without == []


@pytest.mark.parametrize("name", [each for each in NAMES if each.parameters], ids=str)
def test_what_is_called_has_the_parameters_defaults_and_return_of_the_facts(
    name: facts.Name,
) -> None:
    owner = owner_of(name)
    signature = inspect.signature(getattr(owner, name.name) if name.name else owner)
    bare = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]

    assert str(inspect.Signature(bare)) == name.parameters
    if name.name:
        assert str(signature.return_annotation) == name.returns


@pytest.mark.parametrize(
    "name", [each for each in NAMES if each.returns and not each.parameters], ids=str
)
def test_a_property_has_the_type_of_the_facts(name: facts.Name) -> None:
    found = inspect.getattr_static(owner_of(name), name.name)

    assert isinstance(found, property)
    assert inspect.signature(found.fget).return_annotation == name.returns  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [each for each in NAMES if each.value], ids=str)
def test_a_constant_has_the_value_of_the_facts(name: facts.Name) -> None:
    assert repr(getattr(owner_of(name), name.name)) == name.value


def test_the_facts_have_every_name_of_the_seed_s_document() -> None:
    known = {str(each) for each in NAMES}
    document = {str(method).removesuffix(".__init__") for method in facts.methods()}
    document |= {f"{owner}.{name}" for owner, name in facts.properties()}

    assert document <= known


@pytest.mark.parametrize("owner", ["Runtime", "RuntimeGroup", "RuntimeManager", "RuntimeTask"])
def test_every_public_name_of_a_class_is_a_fact(owner: str) -> None:
    beyond = {"RuntimeGroup.map"}  # ours, on top of the seed's
    public = {f"{owner}.{name}" for name in dir(getattr(lazytui, owner)) if name[0] != "_"}

    assert public - beyond == {str(each) for each in NAMES if each.owner == owner and each.name}
