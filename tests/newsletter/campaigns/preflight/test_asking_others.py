"""What is asked of others: web servers, name servers, SpamAssassin. All of them are here, on the loopback."""

import asyncio
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from newsletter.campaigns.preflight import reaching, sender, spam
from newsletter.dkim import files
from newsletter.dkim.keys import Algorithm, Key
from newsletter.setting_tables import Dkim
from tests.servers import dns_server, web_server

NOW = datetime(2031, 9, 1, tzinfo=UTC)
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"


async def test_only_what_is_not_there_is_an_error(found: Callable[..., list[str]]) -> None:
    async with web_server() as url:
        names = ("200", "302", "401", "403", "404", "410", "429", "500", "noheads", "slow")
        told = found(await reaching.check([f"{url}/{name}" for name in names], patience=0.5))
    assert told == [
        f"error link-unreachable: {url}/404 answers 404",
        f"error link-unreachable: {url}/410 answers 410",
        f"warning link-unreachable: {url}/500 answers 500",
        f"warning link-unreachable: {url}/slow did not answer within 0.5 seconds",
    ]
    (refused,) = found(await reaching.check([f"{url}/200"]))
    assert refused.startswith(f"warning link-unreachable: {url}/200 cannot be reached: ")


async def test_who_has_no_more_time_keeps_the_answers_that_have_come(found: Callable[..., list[str]]) -> None:
    async with web_server() as url:
        ends_at = asyncio.get_running_loop().time() + 0.5
        names = ("404", "slow", "slow/too", "200")
        told = found(await reaching.check([f"{url}/{name}" for name in names], patience=60, ends_at=ends_at))
        assert told == [
            f"error link-unreachable: {url}/404 answers 404",
            "warning link-unreachable: there was no time to ask for 2 of 4 links",
        ]
        told = found(await reaching.check([f"{url}/404"], ends_at=asyncio.get_running_loop().time() - 1))
        assert told == ["warning link-unreachable: there was no time to ask for 1 of 1 links"]


async def asked(records: dict[str, str], configured: list[Key] | None = None) -> list[str]:
    with dns_server(records) as port:
        told = await sender.check(
            "news@mail.orchard.example", "bounce@orchard.example", configured or [], NOW, server=("127.0.0.1", port)
        )
    return [f"{one.severity} {one.rule}: {one.text}" for one in told]


async def test_what_the_dns_says_of_the_sender_is_told() -> None:
    good = {"orchard.example": "v=spf1 mx -all", "_dmarc.orchard.example": "v=DMARC1; p=quarantine"}
    assert await asked(good) == [
        "note spf: orchard.example: v=spf1 mx -all",
        "note dmarc: _dmarc.orchard.example: v=DMARC1; p=quarantine",
        "note dkim: no key of ours signs for mail.orchard.example; look in a test mail whether your relay's does",
    ]
    weak = {"orchard.example": "v=spf1 +all", "_dmarc.orchard.example": "v=DMARC1; p=none"}
    assert [line.partition(";")[0] for line in (await asked(weak))[:2]] == [
        "warning spf: the SPF record of orchard.example lets everyone send: v=spf1 +all",
        "warning dmarc: _dmarc.orchard.example asks for nothing (p=none)",
    ]
    assert [
        line.partition(";")[0] for line in (await asked({"orchard.example": "google-site-verification=x"}))[:2]
    ] == [
        "warning spf: orchard.example has no SPF record",
        "warning dmarc: mail.orchard.example has no DMARC record",
    ]


async def test_a_key_that_signs_and_is_not_published_is_an_error(tmp_path: Path) -> None:
    files.make(Algorithm.ED25519, tmp_path / "key.pem")
    key = files.load(Dkim(domain="mail.orchard.example", selector="s1", key_file=tmp_path / "key.pem"))
    assert (await asked({}, [key]))[
        2
    ] == "error dkim: s1._domainkey.mail.orchard.example (ed25519): there is no such record"
    published = {key.name: key.record}
    assert (await asked(published, [key]))[2] == "note dkim: s1._domainkey.mail.orchard.example (ed25519): good"


async def test_a_name_server_that_says_nothing_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_SECONDS", 0.2)
    with dns_server({}) as port:
        pass
    told = await sender.check("a@x.example", "", [], NOW, server=("127.0.0.1", port))
    assert [(one.severity, one.text) for one in told][:2] == [
        ("note", "no name server answered about x.example"),
        ("note", "no name server answered about _dmarc.x.example"),
    ]


async def test_spamassassin_scores_the_mail(mail: Callable[..., Any], found: Callable[..., list[str]]) -> None:
    assert shutil.which("spamassassin"), "the tests need it: make spamassassin"
    (fine,) = found(await spam.check(mail("<p>Come and see what we learned.</p>").raw))
    assert fine.startswith(("note spam-score: SpamAssassin gives ", "warning spam-score: SpamAssassin gives "))
    (bad,) = found(await spam.check(mail(text=GTUBE).raw))
    assert bad.startswith("error spam-score: SpamAssassin gives 1")
    assert "GTUBE" in bad


async def test_where_there_is_no_spamassassin_that_is_said(
    found: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert found(await spam.check(b"")) == ["note spam-score: SpamAssassin is not installed, so it was not asked"]
