"""Another key than the one that hashed the addresses: refused before anybody who was erased could come back."""

import re

import pytest

WRITES_OR_SENDS = [
    ("serve", "--port", "0"),
    ("worker",),
    ("subscribers", "import", "people.csv"),
    ("subscribers", "add", "ben@example.org"),
    ("subscribers", "erase", "ana@example.org", "--yes"),
    ("subscribers", "suppress", "ana@example.org"),
    ("subscribers", "release", "ana@example.org"),
    ("subscribers", "show", "ben@example.org"),
    ("suppressions", "import", "people.csv"),
    ("suppressions", "export"),
    ("suppressions", "sync", "mailgun"),
    ("explain", "ana@example.org", "opening/invitation"),
    ("campaign", "send", "opening/invitation", "--yes"),
]


@pytest.fixture
def other_key(newsletter, tmp_path, monkeypatch):
    """A database with Ana in it, and settings whose key is not hers."""
    monkeypatch.chdir(tmp_path)
    assert newsletter("init").code == 0
    assert newsletter("db", "upgrade").code == 0
    assert newsletter("constellation", "load", "--yes", "constellation.toml").code == 0
    (tmp_path / "people.csv").write_text("email\nana@example.org\n")
    assert newsletter("subscribers", "import", "people.csv").code == 0
    assert newsletter("campaign", "draft", "opening", "invitation").code == 0
    settings = tmp_path / "newsletter.toml"
    text = re.sub(r'^hash_key = ".*"', f'hash_key = "{"z" * 40}"', settings.read_text(), flags=re.MULTILINE)
    lists = '[webhooks]\nmailgun_api_key = "k"\nmailgun_domain = "mg.example.org"\n'
    settings.write_text(text.replace("[webhooks]\n", lists))
    return tmp_path


@pytest.mark.parametrize("command", WRITES_OR_SENDS, ids=" ".join)
def test_what_knows_people_by_their_hash_refuses_another_key(other_key, newsletter, command):
    done = newsletter(*command)
    assert done.code == 1
    assert done.err.startswith("newsletter: secrets.hash_key: another key hashed the addresses in this database")
    assert done.err.count("\n") == 1


def test_the_key_may_be_any_before_there_is_anybody(newsletter, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert newsletter("init").code == 0
    assert newsletter("db", "upgrade").code == 0
    assert newsletter("subscribers", "add", "ana@example.org").code == 0
    assert newsletter("subscribers", "suppress", "ana@example.org").code == 0
