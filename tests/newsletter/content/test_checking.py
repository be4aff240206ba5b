from collections.abc import Callable
from pathlib import Path

import pytest

from newsletter.content import checking


def test_every_fault_of_a_folder_is_told_at_once(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    templates = write(html="<mj-buton>x</mj-buton>\n<p>{{ x }}</p></mj-text><mj-text colr='x'>", text="{{ y }}")
    (note,) = [found for found in checking.check(templates) if found.kind == "note"]
    assert [fault.partition(" ")[0] for fault in note.faults] == [
        "mail/note/body.txt:1:4:",
        "mail/note/body.mjml:3:10:",
        "mail/note/body.mjml:4:7:",
        "mail/note/body.mjml:4:34:",
    ]


def test_a_branch_that_only_some_facts_reach_is_checked(write: Callable[..., Path]) -> None:
    templates = write(text="{% if event.place.name and event.place.online %}{{ evnt }}{% endif %}")
    checked = checking.check_kind("note", templates)
    assert len(checked.faults) == 1
    assert "body.txt:1:52: evnt is undefined; did you mean event?" in checked.faults[0]


def test_a_mail_that_gmail_would_clip_is_a_fault(write: Callable[..., Path]) -> None:
    templates = write(html="{% for _ in range(11000) %}0123456789{% endfor %}")
    (fault,) = checking.check_kind("note", templates).faults
    assert "Gmail clips above 102,000" in fault
