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


def test_a_warning_is_broken_as_an_error_is(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    edge.warn(LONG)
    assert max(map(len, terminal.getvalue().splitlines())) <= 80
    assert " ".join(line.strip() for line in terminal.getvalue().splitlines()) == LONG


def test_a_script_gets_it_in_one_line(failed):
    assert failed(io.StringIO(), LONG) == f"newsletter: {LONG}\n"


def test_what_points_into_the_line_above_stays_below_it(failed):
    assert failed(Terminal(), f"{LONG}\n     ^") == f"newsletter: {LONG}\nnewsletter:      ^\n"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_replica_answers_what_only_reads_and_refuses_the_rest_in_a_line(migrated_url, newsletter, tmp_path):
    mark = "&" if "?" in migrated_url else "?"
    replica = f"{migrated_url}{mark}options=-c%20default_transaction_read_only%3Don"
    settings = tmp_path / "replica.toml"
    settings.write_text(
        f'database = "{replica}"\npublic_url = "https://news.example.org"\n'
        f'[secrets]\nsigning_keys = ["{"k" * 40}"]\nhash_key = "{"h" * 40}"\n'
    )
    for asked in (["engine", "status"], ["audience", "count", 'role = "teacher"'], ["campaign", "list"]):
        assert newsletter("--settings", settings, *asked).code == 0
    refused = newsletter("--settings", settings, "subscribers", "suppress", "ana@example.org")
    assert refused.code == 1
    assert refused.err.count("\n") == 1
    assert "in a read-only transaction" in refused.err
