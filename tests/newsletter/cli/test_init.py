"""`newsletter init`: what it writes is whole, private, and says the truth about every setting."""

import re
import resource
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from newsletter import assets
from newsletter import settings as reading
from newsletter.constellation import file as constellation_file
from newsletter.setting_tables import Section
from newsletter.settings import Settings

WITHOUT_DEFAULT = {
    "templates",
    "smtp.socket",
    "smtp.ca_file",
    "smtp.token_file",
    "smtp.warm_up",
    "smtp.warm_up_from",
    "smtp.senders",
    "relays",
    "pace",
    "dkim",
    "delivery.quiet_hours",
    "bounces.maildir",
    "mailbox.ca_file",
    "mailbox.token_file",
    "secrets.signing_keys",
    "secrets.hash_key",
}
"""Settings that the file shows by an example, because unset is their default, or by a secret."""


@pytest.fixture
def begun(newsletter: Callable[..., Any], tmp_path: Path) -> Path:
    """A folder that `newsletter init` has just filled."""
    assert newsletter("init", tmp_path / "festival").code == 0
    return tmp_path / "festival"


def test_a_written_file_is_read_back_as_the_defaults(begun: Path) -> None:
    settings = reading.read(begun / "newsletter.toml")
    defaults = Settings(secrets=settings.secrets, database=f"sqlite:///{begun}/newsletter.sqlite3")
    assert settings == defaults


def test_a_written_file_shows_every_setting_with_its_true_default(begun: Path) -> None:
    shown = _uncommented((begun / "newsletter.toml").read_text("utf-8"))
    assert shown.keys() == set(_names(Settings))
    settings = reading.read(begun / "newsletter.toml")
    as_shown = Settings(
        **_nested({name: value for name, value in shown.items() if name not in WITHOUT_DEFAULT})
        | {"secrets": settings.secrets}
    )
    assert as_shown == Settings(secrets=settings.secrets)


def test_each_setting_is_explained_above_it(begun: Path) -> None:
    paragraphs = (begun / "newsletter.toml").read_text("utf-8").split("\n\n")
    settings = [text for text in paragraphs if re.search(r"^#?[a-z_]+ = ", text, re.MULTILINE)]
    assert [text for text in settings if not re.search(r"^# \S", text, re.MULTILINE)] == []


def test_secrets_are_fresh_each_time(newsletter: Callable[..., Any], tmp_path: Path) -> None:
    secrets = set()
    for name in ("one", "two"):
        newsletter("init", tmp_path / name)
        read = reading.read(tmp_path / name / "newsletter.toml").secrets
        secrets |= {read.hash_key.get_secret_value(), *(key.get_secret_value() for key in read.signing_keys)}
    assert len(secrets) == 4
    assert min(map(len, secrets)) == 64


def test_only_their_owner_can_read_the_secrets(begun: Path) -> None:
    assert stat.S_IMODE((begun / "newsletter.toml").stat().st_mode) == 0o600


def test_the_sample_constellation_is_one_that_loads(begun: Path) -> None:
    assert constellation_file.read(begun / "constellation.toml").events


def test_without_a_folder_it_begins_here_and_says_what_comes_next(
    newsletter: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = newsletter("init")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["constellation.toml", "newsletter.toml"]
    steps = [line.strip() for line in done.out.partition("Next:")[2].splitlines() if line.strip()]
    assert steps == ["newsletter db upgrade", "newsletter constellation load constellation.toml", "newsletter serve"]


@pytest.mark.parametrize("name", ["newsletter.toml", "constellation.toml"])
def test_a_file_that_exists_is_left_as_it_is_and_nothing_is_written(
    newsletter: Callable[..., Any], tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("mine")
    done = newsletter("init", tmp_path)
    assert (done.code, done.out) == (1, "")
    assert done.err == (
        f"newsletter: {tmp_path / name} exists already, and is left as it is; name another folder, or move it away\n"
    )
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "mine"}


def test_a_link_that_leads_nowhere_is_not_written_through(newsletter: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "newsletter.toml").symlink_to(tmp_path / "elsewhere")
    assert newsletter("init", tmp_path).code == 1
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_a_file_is_named(newsletter: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "festival").write_text("")
    done = newsletter("init", tmp_path / "festival")
    assert (done.code, done.err) == (
        1,
        f"newsletter: {tmp_path / 'festival'} is a file, and is left as it is; name a folder\n",
    )


@pytest.mark.parametrize("room", [1_000, 6_000], ids=["in the first file", "in the second"])
def test_a_disk_that_fills_up_leaves_neither_file(newsletter: Callable[..., Any], tmp_path: Path, room: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        done = newsletter("init", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"newsletter: {tmp_path}")
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_samples_are_in_the_templates_folder() -> None:
    assert {path.name for path in (assets.TEMPLATES / "init").iterdir()} == {"constellation.toml", "newsletter.toml"}


def _uncommented(text: str) -> dict[str, Any]:
    """Every setting of a file by its dotted name, those behind a `#` too (explanations begin `# `)."""
    document = tomllib.loads(re.sub(r"^#(?=[a-z_]+ = |\[\[)", "", text, flags=re.MULTILINE))
    return dict(_flat(document))


def _flat(document: dict[str, Any], prefix: str = "") -> Any:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in flat.items():
        *tables, key = name.split(".")
        within = document
        for table in tables:
            within = within.setdefault(table, {})
        within[key] = value
    return document


def _names(model: type[BaseModel], prefix: str = "") -> Any:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from _names(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
