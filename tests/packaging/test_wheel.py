"""A built wheel, installed in an empty environment and run from `/`, is the whole program."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")

pytestmark = pytest.mark.packaging


def run(*command: str | Path, cwd: Path = Path("/")) -> str:
    """What a command prints, in a world where neither this checkout nor its environment is to be found."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NEWSLETTER_", "PYTHON"))}
    kept.pop("VIRTUAL_ENV", None)
    done = subprocess.run([*map(str, command)], cwd=cwd, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of what is in the repository, so that a checkout's own leftovers take no part."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("newsletter", "subscribers", "webhooks", "templates", "alembic"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    run(UV, "build", "--quiet", "--wheel", "--out-dir", out, source)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment that holds the wheel and what it depends on, at the locked versions."""
    environment = tmp_path_factory.mktemp("environment") / "venv"
    locked = environment.parent / "locked.txt"
    run(UV, "venv", "--quiet", "--python", sys.executable, environment)
    run(
        UV, "export", "--quiet", "--locked", "--no-dev", "--no-emit-project", "--project", ROOT, "--output-file", locked
    )
    python = environment / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--python", python, "--constraints", locked, wheel)
    return environment / "bin"


def test_the_wheel_holds_every_template_and_migration_and_nothing_beside_its_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {
        "newsletter",
        "subscribers",
        "webhooks",
    }
    for folder, place in (("templates", "newsletter/_templates"), ("alembic", "newsletter/_migrations")):
        expected = {
            f"{place}/{path.relative_to(ROOT / folder).as_posix()}"
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert expected - set(names) == set()


def test_the_installed_program_says_its_version(installed: Path) -> None:
    assert run(installed / "newsletter", "--version").startswith("newsletter ")


def test_the_installed_program_finds_its_templates_and_migrations(installed: Path, tmp_path: Path) -> None:
    settings = ("--settings", tmp_path / "newsletter.toml")
    run(installed / "newsletter", "init", tmp_path)
    assert "as this version needs" in run(installed / "newsletter", *settings, "db", "upgrade")
    run(installed / "newsletter", *settings, "db", "check")
    run(installed / "newsletter", *settings, "constellation", "load", tmp_path / "constellation.toml", "--yes")
    assert sorted(path.name for path in tmp_path.glob("*.sqlite3")) == ["newsletter.sqlite3"]


def test_the_installed_program_compiles_its_mails_and_finds_its_pages(installed: Path) -> None:
    script = (
        "from newsletter import assets; from newsletter.content import checking; "
        "assert 'site-packages' in str(assets.TEMPLATES), assets.TEMPLATES; "
        "faults = [fault for checked in checking.check() for fault in checked.faults]; assert not faults, faults; "
        "print(*sorted(path.name for path in (assets.TEMPLATES / 'pages').iterdir()))"
    )
    assert "join.html" in run(installed / "python", "-c", script)
