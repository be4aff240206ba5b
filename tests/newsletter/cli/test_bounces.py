"""`newsletter bounces`, as staff and mail servers run it."""

import json
from pathlib import Path
from typing import Any

import pytest

MAILS = Path(__file__).parents[2] / "webhooks" / "mails"


@pytest.fixture
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("_elsewhere")
def test_returned_mails_are_read_in_a_folder_without_settings_and_nothing_is_trusted(newsletter: Any) -> None:
    ended = newsletter("bounces", "read", "--json", MAILS / "postfix-unknown-user.eml", MAILS / "vacation-gmail.eml")
    assert (ended.code, ended.err) == (0, "")
    bounce, reply = map(json.loads, ended.out.splitlines())
    assert list(bounce) == ["file", "kind", "trusted", "recipients"]
    assert (bounce["kind"], bounce["trusted"]) == ("bounce", False)
    (one,) = bounce["recipients"]
    assert list(one) == ["address", "class", "reason", "status", "diagnostic"]
    assert (one["class"], one["reason"]) == ("hard", "no-such-user")
    assert (reply["kind"], reply["recipients"]) == ("auto-reply", [])


@pytest.mark.usefixtures("_elsewhere")
def test_settings_that_were_named_and_are_not_there_are_an_error(newsletter: Any) -> None:
    ended = newsletter("--settings", "other.toml", "bounces", "read", MAILS / "exim-old.eml")
    assert (ended.code, ended.out) == (1, "")
    assert "other.toml: there is no such file" in ended.err


@pytest.mark.usefixtures("_elsewhere")
def test_a_file_that_is_not_there_is_one_line_and_nothing_is_printed(newsletter: Any) -> None:
    ended = newsletter("bounces", "read", "--json", MAILS / "exim-old.eml", "missing.eml")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert "missing.eml" in ended.err
