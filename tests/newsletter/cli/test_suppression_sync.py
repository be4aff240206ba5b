"""`newsletter suppressions sync` and `subscribers release --at-provider`, against an API like SendGrid's."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.provider_api import Asked, ProviderApi, Reply

ANA, BEN = "ana@example.org", "ben@example.org"


class SendGrid:
    """The lists of an account, which can be read and shortened."""

    def __init__(self) -> None:
        self.bounces = {ANA: {"created": 1, "email": ANA, "reason": "550 5.1.1 no such user", "status": "5.1.1"}}

    def __call__(self, asked: Asked) -> Reply:
        if asked.method == "DELETE":
            address = asked.target.rpartition("/")[2].replace("%40", "@")
            was_there = "bounces" in asked.target and self.bounces.pop(address, None) is not None
            return Reply(b"", 204 if was_there else 404)
        return Reply(list(self.bounces.values()) if "/bounces" in asked.target else [])

    def hold(self, address: str, at: int) -> None:
        self.bounces[address] = {"created": at, "email": address, "reason": "550 5.1.1 no such user", "status": "5.1.1"}


@pytest.fixture
def account(provider_api: ProviderApi) -> SendGrid:
    made = SendGrid()
    provider_api.answer = made
    return made


@pytest.fixture
def desk(newsletter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider_api: ProviderApi) -> Path:
    """A folder with settings, two people, and the key of an account at SendGrid."""
    monkeypatch.chdir(tmp_path)
    assert newsletter("init").code == 0
    settings = tmp_path / "newsletter.toml"
    text = settings.read_text().replace('#sendgrid_api_key = ""', 'sendgrid_api_key = "SG.secret-of-ours"')
    settings.write_text(text.replace('#sendgrid_api = ""', f'sendgrid_api = "{provider_api.url}"'))
    assert newsletter("db", "upgrade").code == 0
    rows = f"email,consented_at,consent_source\n{ANA},2020-12-03,sheet\n{BEN},2020-12-03,sheet\n"
    (tmp_path / "people.csv").write_text(rows)
    assert newsletter("subscribers", "import", "people.csv").code == 0
    return tmp_path


def suppressed(newsletter: Any, address: str) -> Any:
    return json.loads(newsletter("subscribers", "show", address, "--json").out)["suppressed"]


def test_a_dry_run_says_what_would_follow_and_changes_nothing(desk: Path, newsletter: Any, account: SendGrid) -> None:
    account.hold(ANA, 1700000000)
    done = newsletter("suppressions", "sync", "sendgrid", "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert "new: bounced for good" in done.out
    assert "dry run" in done.out
    assert suppressed(newsletter, ANA) is None


def test_what_is_new_is_obeyed_at_once_and_shown_with_its_source(
    desk: Path, newsletter: Any, account: SendGrid
) -> None:
    account.hold(ANA, 1700000000)
    told = json.loads(newsletter("suppressions", "sync", "--json").out)
    assert told == [
        {
            "provider": "sendgrid",
            "dry_run": False,
            "news": {"hard": 1},
            "known": 0,
            "strangers": 0,
            "left": {},
            "unreadable": 0,
            "cut": False,
        }
    ]
    assert suppressed(newsletter, ANA) == "hard-bounce"
    shown = newsletter("subscribers", "show", ANA).out
    assert "sendgrid/list:" in shown
    assert "known here already" in newsletter("suppressions", "sync", "sendgrid").out


def test_an_old_entry_is_left_alone_and_said_to_hold_mail_back(desk: Path, newsletter: Any, account: SendGrid) -> None:
    done = newsletter("suppressions", "sync", "sendgrid")
    assert "left alone: older than the opt-in" in done.out
    assert "release ADDRESS --at-provider" in done.out
    assert suppressed(newsletter, ANA) is None


def test_a_release_says_who_may_go_on_refusing_mail(desk: Path, newsletter: Any, account: SendGrid) -> None:
    account.hold(ANA, 1700000000)
    newsletter("suppressions", "sync", "sendgrid")
    done = newsletter("subscribers", "release", ANA)
    assert done.code == 0
    assert "sendgrid reported it, and may go on refusing mail to it: take it off at Suppressions → Bounces" in done.out
    assert "older than the release" in newsletter("suppressions", "sync", "sendgrid").out
    assert suppressed(newsletter, ANA) is None


def test_a_release_at_the_provider_takes_it_off_there_too(desk: Path, newsletter: Any, account: SendGrid) -> None:
    account.hold(ANA, 1700000000)
    newsletter("suppressions", "sync", "sendgrid")
    done = newsletter("subscribers", "release", ANA, "--at-provider")
    assert (done.code, done.err) == (0, "")
    assert "sendgrid does not hold it any more." in done.out
    assert account.bounces == {}
    assert suppressed(newsletter, ANA) is None


def test_who_is_held_only_there_can_be_released_there(desk: Path, newsletter: Any, account: SendGrid) -> None:
    told = json.loads(newsletter("subscribers", "release", ANA, "--at-provider", "--json").out)
    assert told == {"address": ANA, "released": None, "still": None, "taken_off": ["sendgrid"], "may_hold": []}
    assert account.bounces == {}


def test_who_said_no_is_taken_off_nowhere(desk: Path, newsletter: Any, account: SendGrid) -> None:
    (desk / "gone.csv").write_text(f"email,reason\n{ANA},complaint\n")
    assert newsletter("suppressions", "import", "gone.csv").code == 0
    done = newsletter("subscribers", "release", ANA, "--at-provider")
    assert done.code == 1
    assert "only the person can undo" in done.err
    assert ANA in account.bounces


def test_where_the_provider_does_not_answer_nothing_is_released(
    desk: Path, newsletter: Any, account: SendGrid, provider_api: ProviderApi
) -> None:
    account.hold(ANA, 1700000000)
    newsletter("suppressions", "sync", "sendgrid")
    provider_api.answer = lambda _: Reply(b"", 503, {"Retry-After": "900"})
    done = newsletter("subscribers", "release", ANA, "--at-provider")
    assert (done.code, done.out) == (1, "")
    assert done.err.count("\n") == 1
    assert suppressed(newsletter, ANA) == "hard-bounce"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["postmark"], "no API key is set for this provider: set webhooks.postmark_server_token"),
        (["mailjet"], "Mailjet's API gives no list of whom it blocks"),
        (["sendgird"], "there is no provider sendgird"),
    ],
)
def test_what_cannot_be_read_is_one_line(desk: Path, newsletter: Any, arguments: list[str], says: str) -> None:
    done = newsletter("suppressions", "sync", *arguments)
    assert (done.code, done.out) == (1, "")
    assert says in done.err
    assert done.err.count("\n") == 1


def test_a_key_that_is_not_taken_is_one_line_without_the_key(
    desk: Path, newsletter: Any, provider_api: ProviderApi
) -> None:
    provider_api.answer = lambda _: Reply({"errors": [{"message": "authorization required"}]}, 401)
    done = newsletter("suppressions", "sync", "sendgrid")
    assert (done.code, done.out) == (1, "")
    assert "does not take the key (401): look at webhooks.sendgrid_api_key" in done.err
    assert "SG.secret" not in done.err


def test_one_wrong_key_keeps_no_other_list_from_being_read_and_obeyed(
    desk: Path, newsletter: Any, account: SendGrid, provider_api: ProviderApi
) -> None:
    settings = desk / "newsletter.toml"
    text = settings.read_text().replace('#brevo_api_key = ""', 'brevo_api_key = "xkeysib-secret"')
    settings.write_text(text.replace('#brevo_api = ""', f'brevo_api = "{provider_api.url}"'))
    provider_api.answer = lambda asked: Reply({}, 401) if "/smtp/" in asked.target else account(asked)
    account.hold(ANA, 1700000000)
    done = newsletter("suppressions", "sync")
    assert done.code == 1
    assert "new: bounced for good" in done.out
    assert done.err == "newsletter: 127.0.0.1 does not take the key (401): look at webhooks.brevo_api_key\n"
    assert suppressed(newsletter, ANA) == "hard-bounce"
    again = newsletter("suppressions", "sync", "--json")
    assert (again.code, [one["provider"] for one in json.loads(again.out)]) == (1, ["sendgrid"])


@pytest.mark.parametrize("wrong", ["http://api.sendgrid.com", "https://api.sendgrid.com/v3", "api.sendgrid.com"])
def test_the_host_of_an_api_is_named_by_https(desk: Path, newsletter: Any, wrong: str) -> None:
    settings = desk / "newsletter.toml"
    lines = [
        f'sendgrid_api = "{wrong}"' if line.startswith("sendgrid_api =") else line
        for line in settings.read_text().splitlines()
    ]
    settings.write_text("\n".join(lines))
    done = newsletter("suppressions", "sync", "sendgrid")
    assert done.code == 1
    assert "is no host of an API" in done.err


def test_setup_says_which_keys_the_list_wants_and_where_there_is_none(desk: Path, newsletter: Any) -> None:
    shown = newsletter("webhooks", "setup", "sendgrid").out
    assert "sendgrid_api_key: is set" in shown
    assert "suppressions sync sendgrid" in shown
    told = " ".join(newsletter("webhooks", "setup", "mailjet").out.split())
    assert "Mailjet's API gives no list of whom it blocks" in told
    told = json.loads(newsletter("webhooks", "setup", "sendgrid", "--json").out)
    assert [(one["setting"], one["set"]) for one in told["list"]] == [("sendgrid_api_key", True)]
