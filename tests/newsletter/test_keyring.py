"""The keys in the settings file: rotated without losing a link, a comment or the file's privacy."""

import stat
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter import keyring
from newsletter.keyring import KeysError
from subscribers.links import Links, Purpose

OLD, OLDER = "o" * 40, "p" * 40
NOW = datetime(2021, 1, 15, 12, 0, tzinfo=UTC)

WAYS_TO_WRITE_THEM = [
    f'[secrets]\nsigning_keys = ["{OLD}"]  # dear\nhash_key = "h"\n',
    f'[secrets]\nsigning_keys=["{OLD}",]\nhash_key = "h"\n',
    f"# signing_keys = [\n[secrets]\nsigning_keys = [\n  # the first signs\n  '{OLD}',\n]\nhash_key = \"h\"\n",
    f'[secrets]\r\nsigning_keys = [\r\n  "{OLD}"\r\n]\r\nhash_key = "h"\r\n',
    f'secrets.signing_keys = ["{OLD}"]\nsecrets.hash_key = "h"\n',
    f'secrets = {{ signing_keys = ["{OLD}"], hash_key = "h" }}\n',
    f'\ufeff[secrets]\n"signing_keys" = ["{OLD}"]\nhash_key = "h"\n',
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "newsletter.toml"


def keys(file: Path) -> list[str]:
    read: list[str] = tomllib.loads(file.read_text("utf-8-sig"))["secrets"]["signing_keys"]
    return read


@pytest.mark.parametrize("text", WAYS_TO_WRITE_THEM)
def test_a_fresh_key_stands_in_front_and_all_else_stays(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
    found = keyring.rotate(file)
    fresh, *others = keys(file)
    assert (others, len(fresh)) == ([OLD], 64)
    assert [key.fingerprint for key in found] == [keyring.fingerprint(fresh), keyring.fingerprint(OLD)]
    after = file.read_bytes().decode()
    assert after.replace(f'"{fresh}",', "").split() == text.split() or after.replace(f'"{fresh}", ', "") == text
    assert after.count("\r\n") in (0, after.count("\n"))


@pytest.mark.parametrize("text", WAYS_TO_WRITE_THEM)
def test_a_key_that_is_retired_is_gone_and_all_else_stays(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
    fresh = keyring.rotate(file)[0]
    assert keyring.retire(file, keyring.fingerprint(OLD)) == [fresh]
    assert tomllib.loads(file.read_text("utf-8-sig"))["secrets"] == {"signing_keys": keys(file), "hash_key": "h"}
    assert OLD not in file.read_text("utf-8")


def test_links_from_before_work_after_two_rotations_and_new_ones_are_signed_anew(file: Path) -> None:
    file.write_text(WAYS_TO_WRITE_THEM[0], "utf-8")
    old = Links(keys(file)).token(Purpose.UNSUBSCRIBE, 7, 3, issued_at=NOW)
    keyring.rotate(file)
    keyring.rotate(file)
    now = Links(keys(file))
    assert now.open(Purpose.UNSUBSCRIBE, old, now=NOW).subscriber_id == 7
    assert now.token(Purpose.UNSUBSCRIBE, 7, 3, issued_at=NOW) != old


def test_the_file_stays_as_private_as_it_was_and_leaves_no_other_behind(file: Path) -> None:
    file.write_text(WAYS_TO_WRITE_THEM[0], "utf-8")
    file.chmod(0o600)
    keyring.rotate(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o640)
    keyring.rotate(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_link_to_the_file_stays_a_link(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "etc" / "newsletter.toml"
    real.parent.mkdir()
    real.write_text(WAYS_TO_WRITE_THEM[0], "utf-8")
    file.symlink_to(real)
    keyring.rotate(file)
    assert file.is_symlink()
    assert len(keys(real)) == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[secrets]\n", "there are no keys here"),
        ('[secrets]\nsigning_keys = "one"\n', "there are no keys here"),
        (f'[secrets]\n"sign\\u0069ng_keys" = ["{OLD}"]\n', "written in a way this command does not change"),
    ],
)
def test_what_cannot_be_changed_safely_is_left_as_it_is(file: Path, text: str, reason: str) -> None:
    file.write_text(text, "utf-8")
    with pytest.raises(KeysError, match=reason):
        keyring.rotate(file)
    assert file.read_text("utf-8") == text


def test_the_key_that_signs_and_one_that_is_not_there_are_not_retired(file: Path) -> None:
    file.write_text(f'[secrets]\nsigning_keys = ["{OLD}", "{OLDER}"]\n', "utf-8")
    for wrong in (keyring.fingerprint(OLD), "00000000"):
        with pytest.raises(KeysError):
            keyring.retire(file, wrong)
    assert keys(file) == [OLD, OLDER]
