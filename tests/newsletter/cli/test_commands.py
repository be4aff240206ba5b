"""Every command there is can be found, is explained, and shows an example."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer

from newsletter import cli

WIDTH = 80


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from _commands(inner, f"{path} {name}")


def _loaded(name: str) -> Any:
    return typer.main.get_command(import_module(f"newsletter.cli.{name}").app)


def _all(name: str) -> list[tuple[str, Any]]:
    return list(_commands(_loaded(name), name))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_has_help_and_each_that_acts_shows_an_example_of_itself(name: str) -> None:
    for path, command in _all(name):
        assert command.help, path
        if not getattr(command, "commands", {}):
            example = command.help.partition("Example: ")[2]
            assert f"newsletter {path}" in example, f"`newsletter {path} --help` needs an Example line"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_option_and_argument_is_explained(name: str) -> None:
    for path, command in _all(name):
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"{path}: {parameter.name}"


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_groups_line_in_the_list_is_its_own_helps_first(name: str) -> None:
    command = _loaded(name)
    if getattr(command, "commands", {}):
        assert command.help.splitlines()[0] == cli.COMMANDS[name]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_usage_is_written_for_people(name: str) -> None:
    for path, command in _all(name):
        context = command.context_class(command, info_name=f"newsletter {path}")
        said = command.get_help(context)
        assert not re.search(r"%[YHm]|\[\[|\]\]|\[default: [^]]*\]\s+\[default: ", said), said


def test_the_list_of_commands_fits_a_terminal(newsletter: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    listed = newsletter("--help").out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == list(cli.COMMANDS)
    assert max(map(len, listed)) <= WIDTH


def test_each_module_with_a_command_is_in_the_table() -> None:
    names = {path.stem for path in Path(cli.__file__).parent.glob("[!_]*.py")}
    assert {name for name in names if hasattr(import_module(f"newsletter.cli.{name}"), "app")} == set(cli.COMMANDS)


def test_help_is_quick_because_no_group_is_loaded() -> None:
    script = "import sys; sys.argv[1:] = ['--help']; from newsletter import cli; cli.app(standalone_mode=False)"
    check = "; print(sorted({m.split('.')[0] for m in sys.modules} & {'sqlalchemy', 'pydantic', 'starlette', 'rich'}))"
    done = subprocess.run([sys.executable, "-c", script + check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("arguments", [["nonsense"], ["db", "nonsense"], ["db", "upgrade", "--nonsense"]])
def test_wrong_usage_ends_with_2(newsletter: Callable[..., Any], arguments: list[str]) -> None:
    done = newsletter(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err


def test_a_mistyped_command_is_told_with_the_nearest_right_name(newsletter: Callable[..., Any]) -> None:
    ended = newsletter("campain", "list")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("No such command 'campain'. Did you mean 'campaign'?\n")
    assert newsletter("xyz").err.endswith("No such command 'xyz'.\n")
    assert "Did you mean 'upgrade'?" in newsletter("db", "upgarde").err


def test_settings_are_shown_by_table_and_no_name_is_broken(
    newsletter: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    newsletter("init")
    rows = [line.split() for line in newsletter("settings").out.splitlines()]
    for known in (
        ["[joining]"],
        ["most_an_hour_without_proof_from_network", "5", "default"],
        ["hash_key", "(hidden)", "line", "24"],
        ["check_domains", "true", "default"],
        ["give_up_after", "2", "days", "default"],
    ):
        assert known in rows
    assert ["[]"] not in rows


def test_a_command_without_settings_is_one_line_and_ends_with_1(
    newsletter: Callable[..., Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = newsletter("db", "check")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "newsletter: newsletter.toml: there is no such file; run `newsletter init`, or name one with --settings"
    ]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_groups_list_says_whole_sentences(
    newsletter: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    said = newsletter(name, "--help").out
    listed = said.partition("Commands:\n")[2].splitlines()
    assert not [line for line in listed if line.endswith("...")], "cut off: make the group by grouping.group()"
    assert max(map(len, listed), default=0) <= WIDTH
    assert "completion" not in said
