"""The blocking API has the names, parameters and defaults of the seed's document."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import lazytui
from lazytui import Runtime, core
from tests.library import facts

if TYPE_CHECKING:
    from tests.sshd import SSHFarm


@pytest.mark.parametrize("method", facts.methods(), ids=str)
def test_a_method_has_the_parameters_and_defaults_of_the_document(method: facts.Method) -> None:
    found = inspect.signature(getattr(getattr(lazytui, method.owner), method.name))

    ours = [
        (name, facts.NO_DEFAULT if p.default is inspect.Parameter.empty else p.default)
        for name, p in found.parameters.items()
    ]
    count = len(method.parameters)

    assert tuple(ours[:count]) == method.parameters
    assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in list(found.parameters.values())[:count])
    assert all(default is not facts.NO_DEFAULT for _, default in ours[count:])


@pytest.mark.parametrize(("owner", "name"), facts.properties())
def test_a_property_of_the_document_is_one(owner: str, name: str) -> None:
    assert isinstance(inspect.getattr_static(getattr(lazytui, owner), name), property)


@pytest.mark.parametrize("owner", ["Runtime", "RuntimeGroup", "RuntimeManager", "RuntimeTask"])
def test_every_public_method_says_what_it_does(owner: str) -> None:
    for name in dir(getattr(lazytui, owner)):
        if not name.startswith("_") and not name.isupper():
            member = inspect.getattr_static(getattr(lazytui, owner), name)
            assert inspect.getdoc(member), f"{owner}.{name}"


@pytest.mark.fact(
    "NoRuntimeDetectedError",
    "NoRuntimesError",
    "LazytuiError",
)
def test_the_errors_have_the_names_of_the_document_and_one_base() -> None:
    for name in (
        "TaskExecutionError InvalidRuntimeError NoRuntimesDetectedError NoRuntimeDetectedError"
        " NoRuntimesError PortInUseError NoPortsLeftError PathCreationError HostKeyError"
        " PythonMismatchError UntrustedReturnError MasterStartError"
    ).split():
        assert issubclass(getattr(lazytui, name), lazytui.LazytuiError)
    assert (
        lazytui.NoRuntimesError is lazytui.NoRuntimeDetectedError is lazytui.NoRuntimesDetectedError
    )


@pytest.mark.fact(
    "PortInUseError",
    "PathCreationError",
)
def test_errors_say_where_and_what_is_next_and_carry_the_facts() -> None:
    taken = lazytui.PortInUseError(8080, runtime="gpu01")
    folder = lazytui.PathCreationError("/data", host="gpu01")

    assert str(taken) == "port 8080 is in use on gpu01; give another, or a list of ports"
    assert (taken.port, taken.group, taken.runtime) == (8080, None, "gpu01")
    assert (folder.path, folder.host) == ("/data", "gpu01")
    assert str(lazytui.PortInUseError(1, group="train")).startswith("port 1 is in use in the group")


# What the page on coroutines says in words of its own.
ELSEWHERE = {
    "Runtime": "add_env_variables alive_process_count alive_task_process_count class_name cpu_cores"
    " execution_log function_returns get_process get_processes gpu_count gpus"
    " is_port_exposure_process is_runtime_task_process memory memory_in_mb os print_info print_log"
    " python_version stop_process task_processes",
    "RuntimeGroup": "fill_runtime_info_buffers_async function_returns print_hosts print_log"
    " print_runtime_info task_processes",
    "RuntimeManager": "print_hosts print_inactive_hosts print_runtime_info",
    "RuntimeTask": "print_log process",
}


@pytest.mark.parametrize("owner", ELSEWHERE)
async def test_the_coroutines_have_all_that_the_blocking_classes_have(
    hosts: SSHFarm, owner: str
) -> None:
    async with core.Session() as session:
        runtime = await session.runtime("host-1")
        made = {
            "Runtime": runtime,
            "RuntimeGroup": await session.group([runtime]),
            "RuntimeManager": await session.manager(),
            "RuntimeTask": core.RuntimeTask(),
        }[owner]
        names = {name for name in dir(getattr(lazytui, owner)) if name[0] != "_"}

        assert {name for name in names if not hasattr(made, name)} == set(ELSEWHERE[owner].split())


@pytest.mark.fact("Runtime.WORKING_DIR_ENV_VAR_NAME")
def test_the_name_of_the_variable_of_the_working_directory_is_told() -> None:
    assert Runtime.WORKING_DIR_ENV_VAR_NAME == "WORKING_DIR"


def test_importing_lazytui_imports_nothing_that_takes_time() -> None:
    code = "import sys; before = set(sys.modules); import lazytui; print(set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert eval(done.stdout) <= {"lazytui", "__future__"}


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Runtimes"):
        _ = lazytui.Runtimes  # type: ignore[attr-defined]
    assert set(lazytui.__all__) <= set(dir(lazytui))
