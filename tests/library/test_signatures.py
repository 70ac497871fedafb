"""The blocking API has the names, parameters and defaults of the seed's document."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import lazytui
from lazytui import Runtime, RuntimeTask
from tests.library import facts

# The families that the document leans on and does not print, with their defaults.
RUNTIME = {
    "__init__": "(self, host, working_dir=None, connection_kwargs=None)",
    "is_valid_runtime": "(self)",
    "get_free_port": "(self, ports)",
    "has_free_port": "(self, port)",
    "execute_task": "(self, task, execute_async=True, omit_on_join=False, debug=False)",
    "send_file": "(self, local_path, remote_path=None, execute_async=False)",
    "get_file": "(self, remote_path, local_path=None, execute_async=False)",
    "execute_function": "(self, function, execute_async=False, debug=False, **func_kwargs)",
    "print_log": "(self)",
    "execution_log": "(self, task_name)",
    "clear_tasks": "(self)",
    "expose_port_to_runtime": "(self, local_port, runtime_port=None)",
    "expose_port_from_runtime": "(self, runtime_port, local_port=None)",
    "get_process": "(self, key)",
    "get_processes": "(self, only_alive=False)",
    "stop_process": "(self, key)",
    "print_info": "(self)",
    "create_tempdir": "(self)",
    "create_dir": "(self, path)",
    "delete_dir": "(self, path)",
    "join": "(self)",
    "cleanup": "(self)",
    "echo": "(self, msg)",
    "add_env_variables": "(self, env_variables)",
    "check_filter": "(self, gpu_required=False, min_memory=None, min_cpu_cores=None,"
    " installed_executables=None, filter_commands=None)",
}
RUNTIME_PROPERTIES = (
    "host class_name info os cpu_cores memory memory_in_mb python_version gpus gpu_count"
    " env_variables task_processes function_returns alive_process_count"
    " alive_task_process_count working_dir"
).split()
TASK = {
    "__init__": "(self, name=None)",
    "send_file": "(self, local_path, remote_path=None)",
    "get_file": "(self, remote_path, local_path=None)",
    "run_command": "(self, command)",
    "run_function": "(self, function, **func_kwargs)",
    "join": "(self)",
    "print_log": "(self)",
    "cleanup": "(self)",
}
TASK_PROPERTIES = (
    "name execution_log execution_log_file_path function_returns process env_variables omit_on_join"
).split()


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


@pytest.mark.parametrize("name", RUNTIME)
def test_a_method_of_a_runtime_is_as_written_down(name: str) -> None:
    assert bare(inspect.signature(getattr(Runtime, name))) == RUNTIME[name]


@pytest.mark.parametrize("name", TASK)
def test_a_method_of_a_task_is_as_written_down(name: str) -> None:
    assert bare(inspect.signature(getattr(RuntimeTask, name))) == TASK[name]


@pytest.mark.parametrize("name", RUNTIME_PROPERTIES)
def test_a_property_of_a_runtime_is_one(name: str) -> None:
    assert isinstance(inspect.getattr_static(Runtime, name), property)


@pytest.mark.parametrize("name", TASK_PROPERTIES)
def test_a_property_of_a_task_is_one(name: str) -> None:
    assert isinstance(inspect.getattr_static(RuntimeTask, name), property)


@pytest.mark.parametrize("owner", ["Runtime", "RuntimeGroup", "RuntimeManager", "RuntimeTask"])
def test_every_public_method_says_what_it_does(owner: str) -> None:
    for name, member in vars(getattr(lazytui, owner)).items():
        if not name.startswith("_") and (
            inspect.isfunction(member) or isinstance(member, property)
        ):
            assert inspect.getdoc(member), f"{owner}.{name}"


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


def test_errors_say_where_and_what_is_next_and_carry_the_facts() -> None:
    taken = lazytui.PortInUseError(8080, runtime="gpu01")
    folder = lazytui.PathCreationError("/data", host="gpu01")

    assert str(taken) == "port 8080 is in use on gpu01; give another, or a list of ports"
    assert (taken.port, taken.group, taken.runtime) == (8080, None, "gpu01")
    assert (folder.path, folder.host) == ("/data", "gpu01")
    assert str(lazytui.PortInUseError(1, group="train")).startswith("port 1 is in use in the group")


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


def bare(signature: inspect.Signature) -> str:
    """Write a signature without types."""
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(inspect.Signature(parameters))
