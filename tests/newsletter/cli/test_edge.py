"""How an error ends a command."""

import io
import sys

import pytest

from newsletter.cli import edge

LONG = "webhooks: name one of " + ", ".join(f"provider-number-{number}" for number in range(12))


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def failed(monkeypatch):
    """End by a message on such a stderr; what it shows then."""

    def fail(stderr: io.StringIO, message: str) -> str:
        monkeypatch.setenv("COLUMNS", "80")
        monkeypatch.setattr(sys, "stderr", stderr)
        with pytest.raises(SystemExit) as ended:
            edge.fail(message)
        assert ended.value.code == 1
        return stderr.getvalue()

    return fail


def test_a_long_message_is_broken_between_words_on_a_terminal(failed):
    lines = failed(Terminal(), LONG).splitlines()
    assert len(lines) > 2
    assert all(len(line) <= 80 for line in lines)
    assert [line[:2] for line in lines[1:]] == ["  "] * (len(lines) - 1)
    assert " ".join(line.strip() for line in lines) == f"newsletter: {LONG}"


def test_a_script_gets_it_in_one_line(failed):
    assert failed(io.StringIO(), LONG) == f"newsletter: {LONG}\n"


def test_what_points_into_the_line_above_stays_below_it(failed):
    assert failed(Terminal(), f"{LONG}\n     ^") == f"newsletter: {LONG}\nnewsletter:      ^\n"
