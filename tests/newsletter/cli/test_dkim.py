"""`newsletter dkim`: a key is made, published, checked and in force, with a name server of the test's own."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newsletter import settings as reading
from tests.servers import dns_server


@pytest.fixture
def begun(newsletter: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that `newsletter init` has filled, as the current one."""
    monkeypatch.chdir(tmp_path)
    assert newsletter("init").code == 0
    return tmp_path


def configured(newsletter: Callable[..., Any], folder: Path, *options: str, extra: str = "") -> dict[str, str]:
    """Make a key for example.org, and add it to the settings."""
    made: dict[str, str] = json.loads(newsletter("dkim", "make", "example.org", *options, "--json").out)
    with (folder / "newsletter.toml").open("a") as file:
        file.write(f"\n{made['settings']}\n{extra}")
    return made


def test_a_key_is_made_private_and_said_how_to_publish_and_name(newsletter: Callable[..., Any], begun: Path) -> None:
    done = newsletter("dkim", "make", "Example.org", "--selector", "s1")
    file = begun / "dkim" / "s1.example.org.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert done.code == 0
    assert "s1._domainkey.example.org. IN TXT (" in done.out
    assert max(len(line) for line in done.out.split("\n") if line.startswith('    "')) <= 261
    assert 'key_file = "dkim/s1.example.org.pem"' in done.out
    assert "PRIVATE" not in done.out
    again = newsletter("dkim", "make", "example.org", "--selector", "s1")
    assert (again.code, again.err) == (
        1,
        f"newsletter: {file}: there is a key already; choose another selector, or another file\n",
    )
    assert "no domain; write example.org" in newsletter("dkim", "make", "not a domain").err
    assert "no selector" in newsletter("dkim", "make", "example.org", "--selector", "a b").err


def test_what_stands_where_a_key_was_to_be_kept_is_called_what_it_is(
    newsletter: Callable[..., Any], begun: Path
) -> None:
    (begun / "folder").mkdir()
    (begun / "notes.txt").write_text("not a key")

    def refused(file: str) -> str:
        done = newsletter("dkim", "make", "example.org", "--file", file)
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        return done.err.removeprefix(f"newsletter: {begun}/").rstrip("\n")

    assert refused("folder") == "folder: this is a folder; name a file in it"
    assert refused("notes.txt").startswith("notes.txt: there is a file already, which is no key; choose another ")
    assert refused("notes.txt/key.pem") == "notes.txt: there can be no folder for the key: File exists"
    assert (begun / "notes.txt").read_text() == "not a key"


def test_records_are_checked_where_they_are_published(newsletter: Callable[..., Any], begun: Path) -> None:
    assert "the settings name no key" in newsletter("dkim", "check").err
    rsa = configured(newsletter, begun, "--selector", "s1")
    ed25519 = configured(newsletter, begun, "--selector", "e1", "--ed25519")
    later = configured(newsletter, begun, "--selector", "s2", extra="signs_from = 2999-01-01T00:00:00Z\n")
    records: dict[str, str] = {}
    with dns_server(records) as port:

        def check() -> tuple[int, dict[str, str]]:
            done = newsletter("dkim", "check", "--server", f"127.0.0.1:{port}", "--json")
            return done.code, {one["name"].partition(".")[0]: one["verdict"] for one in json.loads(done.out)}

        missing = "there is no such record"
        assert check() == (1, {"s1": missing, "e1": missing, "s2": missing})
        records[rsa["name"]] = later["record"]
        records[ed25519["name"]] = "v=DKIM1; k=ed25519; p="
        other, revoked = "the record has another key", "the record is empty, which revokes the key"
        assert check() == (1, {"s1": other, "e1": revoked, "s2": missing})
        records[rsa["name"]] = rsa["record"].replace("; ", ";")
        records[ed25519["name"]] = ed25519["record"]
        assert check() == (0, {"s1": "good", "e1": "good", "s2": missing})
        shown = newsletter("dkim", "check", "--server", f"127.0.0.1:{port}")
        assert "publish it before its time comes" in shown.err
        assert max(map(len, shown.out.split("\n"))) <= 80


def test_a_list_says_which_key_signs_and_from_when(newsletter: Callable[..., Any], begun: Path) -> None:
    configured(newsletter, begun, "--selector", "s1")
    configured(newsletter, begun, "--selector", "s2", extra="signs_from = 2021-01-01T00:00:00Z\n")
    configured(newsletter, begun, "--selector", "s3", extra="signs_from = 2999-01-01T00:00:00Z\n")
    listed = json.loads(newsletter("dkim", "list", "--json").out)
    assert [one["signs"] for one in listed] == ["no more", "now", "from 2999-01-01 00:00"]
    records = newsletter("dkim", "record").out
    assert all(f"{one['name']}. IN TXT (" in records and f"  value  {one['record']}" in records for one in listed)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('domian = "example.org"', "dkim.0.domian: there is no such setting; did you mean domain?"),
        ('domain = "no domain"', "dkim.0.domain: no domain is no domain; write example.org"),
        ("signs_from = 2021-03-01T09:00:00", "dkim.0.signs_from: 2021-03-01 09:00:00 names no time zone"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(
    newsletter: Callable[..., Any], begun: Path, line: str, said: str
) -> None:
    with (begun / "newsletter.toml").open("a") as file:
        file.write(f'\n[[dkim]]\nselector = "s1"\nkey_file = "k.pem"\n{line}\n')
    number = (begun / "newsletter.toml").read_text().count("\n")
    assert f"newsletter.toml:{number}: {said}" in newsletter("dkim", "list").err


def test_settings_show_every_key_with_its_line(newsletter: Callable[..., Any], begun: Path) -> None:
    configured(newsletter, begun, "--selector", "s1")
    settings = reading.read(begun / "newsletter.toml")
    assert settings.dkim[0].key_file == begun / "dkim" / "s1.example.org.pem"
    origins = {origin.name: origin for origin in reading.origins(begun / "newsletter.toml", settings)}
    assert origins["dkim.0.selector"].value == "s1"
    assert origins["dkim.0.selector"].source.startswith(f"{begun}/newsletter.toml:")
    assert newsletter("settings").code == 0
