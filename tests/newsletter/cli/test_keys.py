"""`newsletter keys`: rotated and retired by fingerprint; no key is ever shown."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def begun(newsletter: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that `newsletter init` has filled, as the current one."""
    monkeypatch.chdir(tmp_path)
    assert newsletter("init").code == 0
    return tmp_path


def keys(folder: Path) -> list[str]:
    read: list[str] = tomllib.loads((folder / "newsletter.toml").read_text("utf-8"))["secrets"]["signing_keys"]
    return read


def test_rotating_adds_a_key_that_is_listed_and_never_shown(newsletter: Callable[..., Any], begun: Path) -> None:
    done = newsletter("keys", "rotate", "--json")
    assert [key["signs"] for key in json.loads(done.out)] == [True, False]
    assert json.loads(newsletter("keys", "list", "--json").out) == json.loads(done.out)
    assert len(keys(begun)) == 2
    shown = done.out + done.err + newsletter("keys", "list").out
    assert not any(key in shown for key in keys(begun))
    assert newsletter("settings").code == 0


def test_retiring_is_confirmed_first(newsletter: Callable[..., Any], begun: Path) -> None:
    old = json.loads(newsletter("keys", "rotate", "--json").out)[1]["fingerprint"]
    refused = newsletter("keys", "retire", old)
    assert (refused.code, len(keys(begun))) == (1, 2)
    assert newsletter("keys", "retire", old, "--yes").code == 0
    assert len(keys(begun)) == 1


def test_keys_from_a_variable_are_left_to_whoever_set_it(
    newsletter: Callable[..., Any], begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_SECRETS__SIGNING_KEYS", json.dumps(["k" * 40]))
    done = newsletter("keys", "rotate")
    assert (done.code, done.out, len(keys(begun))) == (1, "", 1)
    assert done.err.startswith("newsletter: $NEWSLETTER_SECRETS__SIGNING_KEYS gives the keys")
