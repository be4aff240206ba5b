"""The checkout: its folder `alembic` hides no library, its migrations make its tables, its commands help themselves."""

import ast
import asyncio
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from newsletter import __version__
from newsletter import database as databases

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
NOBODY = 65534


def test_alembic_is_the_library_and_not_this_checkouts_folder() -> None:
    script = "import alembic; print(alembic.__file__)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "site-packages" in done.stdout


def test_the_migrations_folder_is_no_package() -> None:
    assert [*(ROOT / "alembic").rglob("__init__.py")] == []


def test_the_migrations_make_exactly_the_tables_of_the_code(database_url: str) -> None:
    asyncio.run(databases.upgrade(database_url))
    environment = {**os.environ, "NEWSLETTER_DATABASE": database_url}
    done = subprocess.run(
        [BIN / "alembic", "check"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No new upgrade operations detected" in done.stdout


def test_the_lock_names_only_public_places() -> None:
    places = set(re.findall(r"https?://[^/\"]+", (ROOT / "uv.lock").read_text("utf-8")))
    assert places == {"https://pypi.org", "https://files.pythonhosted.org"}


def test_make_help_lists_every_command_that_a_person_is_told_of() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("make ")]
    assert listed == ["help", "setup", "demo", "test", "serve", "check", "catalogues", "bench"]


def test_continuous_integration_runs_what_a_person_runs() -> None:
    runner = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "set -euo pipefail" in runner
    assert runner.splitlines()[-1] == "make test"


def test_what_needs_root_is_named_as_one_command_to_those_who_are_not() -> None:
    done = _need("a-command-nobody-has", "its-package", user=NOBODY if os.geteuid() == 0 else None)
    assert done.returncode == 1
    assert done.stderr == (
        "need: a-command-nobody-has is missing; this installs it: "
        "sudo sh -c 'apt-get update && apt-get install --yes its-package'\n"
    )


def test_what_is_there_is_not_installed_again() -> None:
    done = _need("make", "make")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_change_log_tells_of_this_version() -> None:
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_each_import_that_ships_is_a_dependency_that_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = [*project["dependencies"], *project["optional-dependencies"]["postgres"]]
    names = {re.split(r"[\[><=~; ]", line)[0].lower().replace("-", "_") for line in declared}
    ours = {"newsletter", "subscribers", "webhooks"}
    imported = {name for room in ours for path in (ROOT / room).rglob("*.py") for name in _imports(path)}
    told = {_DISTRIBUTIONS.get(name, name) for name in imported - ours - set(sys.stdlib_module_names)}
    assert told - names == set()


_DISTRIBUTIONS = {
    "PIL": "pillow",
    "dns": "dnspython",
    "flufl": "flufl_bounce",
    "markdown_it": "markdown_it_py",
    "markupsafe": "jinja2",
    "mjml": "mjml_python",
    "pydantic": "pydantic_settings",
    "yaml": "pyyaml",
}
"""Names that are imported, where the distribution that brings them has another."""


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0]


def _need(command: str, package: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    script = (ROOT / ".ci" / "need").read_text("utf-8")  # nobody may not be able to reach the checkout
    arguments = ["bash", "-c", script, "need", command, package, "sh", "-c", f"command -v {command}"]
    return subprocess.run(arguments, cwd="/", user=user, capture_output=True, text=True, check=False)
