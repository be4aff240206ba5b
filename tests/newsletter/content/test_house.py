"""The mails we ship: what each of them has to say, and what it must not weigh."""

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from newsletter import assets, catalogues, content
from newsletter.constellation import file
from newsletter.constellation.model import Place
from newsletter.content import checking, languages, plain, samples
from newsletter.content.facts import TRANSACTIONAL
from newsletter.content.slots import LINKS

KINDS = {
    "save-the-date", "invitation", "reminder", "starting-soon", "thanks", "story", "letter", "changed", "cancelled",
    "digest", "confirm", "remind", "ask", "welcome", "link", "goodbye", "move", "moved", "place",
    "probe",
}  # fmt: skip


def skeletons(kind: str) -> list[content.Skeleton]:
    campaign = "" if kind in TRANSACTIONAL else "sample"
    envelope = content.Envelope.of(
        samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign=campaign, bounce="bounce@example.org"
    )
    return [
        content.compile(kind, facts, facets, envelope=envelope)
        for facts in samples.facts(kind)
        for facets in samples.FACETS
    ]


def link(name: str) -> str:
    page, slot = LINKS[name]
    return f"https://news.example.org/{page}/{samples.VALUES[slot]}"


def test_there_is_a_template_for_each_kind() -> None:
    assert set(languages.kinds()) == KINDS


@pytest.mark.parametrize(("privacy", "imprint"), [(True, True), (True, False), (False, True), (False, False)])
def test_the_foot_leads_to_what_becomes_of_data_and_to_who_is_responsible(privacy: bool, imprint: bool) -> None:
    site = "https://orchard.example.org"
    pages = {"privacy": f"{site}/privacy" if privacy else "", "imprint": f"{site}/imprint" if imprint else ""}
    series = replace(samples.CONSTELLATION, **pages)
    envelope = content.Envelope.of(series, date=datetime(2031, 9, 1, tzinfo=UTC), campaign="", bounce="b@example.org")
    for facts in samples.facts("confirm"):
        skeleton = content.compile(
            "confirm", replace(facts, constellation=series), content.Facets(locale="de"), envelope=envelope
        )
        html, text = skeleton.html(samples.VALUES), skeleton.text(samples.VALUES)
        assert [">Datenschutz</a>" in html, f"Datenschutz: {site}/privacy" in text] == [privacy] * 2
        assert [">Impressum</a>" in html, f"Impressum: {site}/imprint" in text] == [imprint] * 2


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_kind_has_no_faults_and_weighs_less_than_60_kb(kind: str) -> None:
    checked = checking.check_kind(kind)
    assert checked.faults == ()
    assert 5_000 < checked.html_size < 60_000


def test_an_address_keeps_its_lines_in_both_parts() -> None:
    walk = replace(samples.WALK, place=Place(name="The Mill", address="1 Mill Lane\nYork <UK>"))
    series = replace(samples.CONSTELLATION, postal_address="Lanterns\n1 Quay & Sons")
    facts = content.Facts(series, event=walk, public_url="https://news.example.org")
    skeleton = content.compile("invitation", facts, samples.FACETS[0], envelope=content.Envelope.of(
        series, date=datetime(2031, 9, 1, tzinfo=UTC), campaign="sample", bounce="bounce@example.org"
    ))  # fmt: skip
    html, text = skeleton.html(samples.VALUES), skeleton.text(samples.VALUES)
    assert "Where:  The Mill\n        1 Mill Lane\n        York <UK>\n" in text
    assert "1 Mill Lane<br>York &lt;UK&gt;" in html
    assert "Lanterns<br>1 Quay &amp; Sons" in html


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_both_parts_state_the_postal_address_and_what_the_reader_can_do(kind: str) -> None:
    wanted = {
        "confirm": ["confirm_url", "refuse_url"],
        "remind": ["confirm_url", "refuse_url"],
        "ask": ["confirm_url", "refuse_url"],
        "link": ["preferences_url", "account_url"],
        "goodbye": [],
        "move": ["move_url", "refuse_url"],
        "moved": [],
    }
    for skeleton in skeletons(kind):
        for part in (skeleton.html(samples.VALUES), " ".join(skeleton.text(samples.VALUES).split())):
            assert samples.CONSTELLATION.postal_address in part
            for name in wanted.get(kind, ["preferences_url", "unsubscribe_url"]):
                assert link(name) in part


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_text_part_reads_well_in_a_terminal(kind: str) -> None:
    for skeleton in skeletons(kind):
        text = skeleton.text(samples.VALUES)
        long = [line for line in text.splitlines() if len(line) > plain.COLUMNS + 8 and "://" not in line]
        assert long == []
        assert "\n\n\n" not in text
        assert not re.search(r"[ \t]$", text, re.MULTILINE)
        assert not re.search(r"<[a-z/]|&[a-z]+;|\{[{%]|None", text)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_mailboxs_list_shows_a_preheader_of_its_own(kind: str) -> None:
    for skeleton in skeletons(kind):
        found = re.search(r'<div style="display:none[^"]*">([^\u034f]+)', skeleton.html(samples.VALUES))
        assert found is not None
        assert 20 <= len(found[1].strip()) <= 160
        assert found[1].strip() != skeleton.subject(samples.VALUES)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_nothing_is_fetched_from_elsewhere_and_dark_mode_is_kept(kind: str) -> None:
    for skeleton in skeletons(kind):
        html = skeleton.html(samples.VALUES)
        assert not re.search(r"<link|@import|url\(|<img|<script", html)
        assert "@media (prefers-color-scheme: dark)" in html
        assert html.count("<h1") == 1


def test_starting_soon_leads_to_the_door_before_anything_else() -> None:
    online = skeletons("starting-soon")[0]
    links = re.findall(r'href="([^"]+)"', online.html(samples.VALUES))
    assert links[0] == samples.GATHERING.place.online
    assert samples.GATHERING.place.online in online.text(samples.VALUES).partition("We begin")[0]


def test_a_story_leads_to_its_page() -> None:
    story = skeletons("story")[0]
    assert re.findall(r'href="([^"]+)"', story.html(samples.VALUES))[0] == samples.STORY.url
    assert samples.STORY.url in story.text(samples.VALUES)


def test_a_reader_in_another_zone_is_told_both_clocks() -> None:
    home, away = skeletons("invitation")[:2]
    assert "6:00 – 8:00 PM United Kingdom Time" in home.text(samples.VALUES)
    assert "where you are" not in home.text(samples.VALUES)
    assert "18:00–20:00 United Kingdom Time" in away.text(samples.VALUES)
    assert "10:00–12:00 Pacific Time where you are" in away.text(samples.VALUES)


def test_a_reader_whose_zone_is_not_known_is_told_the_events_clock_and_nothing_of_where_they_are() -> None:
    elsewhere = replace(samples.CONSTELLATION, timezone="America/New_York")
    envelope = content.Envelope.of(elsewhere, date=datetime(2031, 9, 1, tzinfo=UTC), campaign="sample")
    for kind in ("invitation", "starting-soon"):
        facts = replace(samples.facts(kind)[0], constellation=elsewhere)
        said = content.compile(kind, facts, content.Facets(), envelope=envelope).text(samples.VALUES)
        assert "United Kingdom Time" in said
        assert "where you are" not in said


def test_people_are_greeted_by_name_only_where_there_is_one() -> None:
    named, nameless = skeletons("invitation")[:2]
    assert "\nHello Zoë,\n" in named.text(samples.VALUES)
    assert "\nHello,\n" in nameless.text({**samples.VALUES, "first_name": ""})


def test_a_change_says_what_it_was_and_what_it_is() -> None:
    facts = samples.facts("changed")[0]
    assert facts.event is not None
    moved = replace(facts, previous=replace(facts.event, starts=facts.event.starts.replace(hour=17)))
    envelope = content.Envelope.of(samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign="c")
    skeleton = content.compile("changed", moved, content.Facets(), envelope=envelope)
    assert skeleton.subject(samples.VALUES).startswith("New time, Oct 8: ")
    text = skeleton.text(samples.VALUES)
    assert "6:00 – 8:00 PM" in text
    assert "Before: Wednesday, October 8, 2031, 5:00 – 8:00 PM" in " ".join(text.split())


def test_a_subject_of_the_sample_season_is_short_enough_to_be_seen() -> None:
    season = file.read(assets.TEMPLATES / "init" / "constellation.toml")
    envelope = content.Envelope.of(season, date=datetime(2020, 9, 1, tzinfo=UTC), campaign="c")
    subjects = [
        content.compile(
            kind,
            content.Facts(season, event, before, public_url="https://news.example.org"),
            content.Facets(),
            envelope=envelope,
        ).subject(samples.VALUES)
        for event in season.events
        if not event.is_story
        for kind, before in [
            *(
                (kind, None)
                for kind in ("save-the-date", "invitation", "reminder", "starting-soon", "thanks", "cancelled")
            ),
            ("changed", replace(event, cancelled=True)),
            ("changed", replace(event, starts=event.starts - timedelta(days=7))),
            ("changed", replace(event, starts=event.starts - timedelta(hours=1))),
            ("changed", replace(event, place=samples.WALK.place)),
        ]
    ]
    assert [subject for subject in subjects if len(subject) > 78] == []
    assert {"Moved to May 6: Closing convening: what we made, and what comes next"} < set(subjects)


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_the_link_mail_offers_another_address_to_those_alone_whose_page_has_it(language: str) -> None:
    envelope = content.Envelope.of(
        samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign="", bounce="b@example.org"
    )
    [facts, *_] = samples.facts("link")
    offers = {"en": "another address", "de": "anderen Adresse", "es": "cambiar de dirección", "fr": "changer d’adresse"}
    for is_gone in (False, True):
        facets = content.Facets(locale=language, is_gone=is_gone)
        skeleton = content.compile("link", facts, facets, envelope=envelope)
        for part in (skeleton.html(samples.VALUES), " ".join(skeleton.text(samples.VALUES).split())):
            assert (offers[language] in part) is not is_gone


@pytest.mark.parametrize("kind", ["confirm", "remind", "ask", "move"])
def test_what_asks_for_a_yes_says_how_long_its_link_works(kind: str) -> None:
    for skeleton in skeletons(kind):
        for part in (skeleton.html(samples.VALUES), skeleton.text(samples.VALUES)):
            assert re.search(r"(link works for|Link gilt|lien fonctionne pendant|enlace funciona durante) \d+\b", part)


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_no_label_touches_what_it_labels(language: str) -> None:
    [facts, *_] = samples.facts("invitation")
    event = replace(samples.WALK, place=Place(name="The Mill", online="https://meet.example.org/room"))
    envelope = content.Envelope.of(
        samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign="sample", bounce="bounce@example.org"
    )
    skeleton = content.compile(
        "invitation", replace(facts, event=event), content.Facets(locale=language), envelope=envelope
    )
    assert re.search(r"^\S[^:\n]*: +https://meet\.example\.org/room$", skeleton.text(samples.VALUES), re.MULTILINE)


def test_one_day_is_not_days_and_one_person_not_people() -> None:
    assert "works for 1 day." in skeletons("confirm")[3].text(samples.VALUES)
    assert "1 people" not in skeletons("invitation")[3].text(samples.VALUES)


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_a_reminder_is_true_whenever_it_comes(language: str) -> None:
    """Where all is set in hours, no mail speaks of days, which `remind_after` need not be."""
    brief = next(facts for facts in samples.facts("remind") if facts.confirm_hours)
    envelope = content.Envelope.of(
        samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign="", bounce="bounce@example.org"
    )
    skeleton = content.compile("remind", brief, content.Facets(language, named=True), envelope=envelope)
    for part in (skeleton.text(samples.VALUES), skeleton.html(samples.VALUES)):
        assert re.search(r"\b(days?|días?|Tagen?|jours?)\b", part) is None


def test_a_french_subject_keeps_its_no_break_spaces() -> None:
    envelope = content.Envelope.of(
        samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign="", bounce="bounce@example.org"
    )
    facts = samples.facts("remind")[0]
    skeleton = content.compile("remind", facts, content.Facets("fr", named=True), envelope=envelope)
    assert skeleton.subject(samples.VALUES).startswith("Toujours d’accord\u202f? ")
    sent = email.message_from_bytes(skeleton.fill(samples.VALUES), policy=email.policy.default)
    assert str(sent["Subject"]).startswith("Toujours d’accord\u202f? ")


@pytest.mark.parametrize(
    ("locale", "greeting", "subject"),
    [
        ("de-AT", "Guten Tag Zoë,", "Bitte bestätigen: The Orchard Gatherings"),
        ("es", "Hola, Zoë:", "Confirma, por favor: The Orchard Gatherings"),
        ("fr-CA", "Bonjour Zoë,", "Merci de confirmer\u00a0: The Orchard Gatherings"),
        ("pt", "Hello Zoë,", "Please confirm: The Orchard Gatherings"),
    ],
)
def test_a_mail_about_what_someone_did_is_in_their_language(locale: str, greeting: str, subject: str) -> None:
    facts, facets = samples.facts("confirm")[1], content.Facets(locale=locale, named=True)
    envelope = content.Envelope.of(samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC))
    skeleton = content.compile("confirm", facts, facets, envelope=envelope)
    assert skeleton.subject(samples.VALUES) == subject
    for part in (skeleton.text(samples.VALUES), skeleton.html(samples.VALUES)):
        assert greeting in part
        assert link("confirm_url") in part
    assert f'lang="{locale[:2] if locale != "pt" else "en"}"' in skeleton.html(samples.VALUES)


@pytest.mark.parametrize("locale", ["de", "es", "fr"])
@pytest.mark.parametrize("kind", sorted(KINDS - {"letter"}))
def test_nothing_in_a_mail_of_ours_is_left_in_english(kind: str, locale: str) -> None:
    campaign = "" if kind in TRANSACTIONAL else "c"
    envelope = content.Envelope.of(samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign=campaign)
    for facts in samples.facts(kind):
        skeleton = content.compile(kind, facts, content.Facets(locale, "", True), envelope=envelope)
        said = " ".join(f"{skeleton.subject(samples.VALUES)} {skeleton.text(samples.VALUES)}".split())
        events = (*samples.CONSTELLATION.events, *filter(None, (facts.event, facts.previous)))
        staffs = [
            samples.CONSTELLATION.tagline,
            facts.note,
            *(text for one in events for text in (one.title, one.summary)),
        ]
        for text in filter(None, (" ".join(text.split()) for text in staffs)):
            said = said.replace(text, "")
        assert not re.search(r"\b(the|you|this|your|and|from|with|is|it)\b", said), said


@pytest.mark.parametrize(
    ("locale", "here", "elsewhere"),
    [
        ("en", "you joined The Orchard Gatherings and confirmed", "a list that The Orchard Gatherings took over"),
        ("es", "te apuntaste a The Orchard Gatherings", "una lista que The Orchard Gatherings ha incorporado"),
        ("de", "bei The Orchard Gatherings angemeldet und", "einer Liste, die The Orchard Gatherings übernommen hat"),
        ("fr", "inscrit·e à The Orchard Gatherings et", "une liste que The Orchard Gatherings a reprise"),
    ],
)
@pytest.mark.parametrize("kind", ["invitation", "welcome", "digest"])
def test_the_foot_tells_each_reader_how_they_came_to_us(kind: str, locale: str, here: str, elsewhere: str) -> None:
    campaign = "" if kind in TRANSACTIONAL else "c"
    envelope = content.Envelope.of(samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign=campaign)
    for confirmed in (True, False):
        facets = content.Facets(locale, "", named=True, confirmed=confirmed)
        skeleton = content.compile(kind, samples.facts(kind)[0], facets, envelope=envelope)
        for said in (skeleton.text(samples.VALUES), skeleton.html(samples.VALUES)):
            said = " ".join(said.split())
            assert (here in said, elsewhere in said) == (confirmed, not confirmed), said


@pytest.mark.parametrize("locale", ["en", "de", "es", "fr"])
@pytest.mark.parametrize("kind", sorted(KINDS - TRANSACTIONAL - {"letter", "digest", "story"}))
def test_no_mail_names_an_hour_of_an_event_that_lasts_whole_days(kind: str, locale: str) -> None:
    envelope = content.Envelope.of(samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign="c")
    facts = replace(samples.facts(kind)[-1], event=samples.CONFERENCE, previous=samples.CONFERENCE, note="")
    facets = content.Facets(locale, "America/Los_Angeles", named=True)
    skeleton = content.compile(kind, facts, facets, envelope=envelope)
    said = " ".join((skeleton.subject(samples.VALUES), skeleton.text(samples.VALUES), skeleton.html(samples.VALUES)))
    assert not re.search(r"\b\d?\d[:.]\d\d\b|\b00 h\b|12:00", re.sub(r"https?://\S+|line-height\S+", "", said)), said


def test_a_mail_to_a_language_we_do_not_speak_is_in_the_series_own() -> None:
    german = replace(samples.facts("welcome")[0], constellation=replace(samples.CONSTELLATION, language="de"))
    envelope = content.Envelope.of(samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC))
    skeleton = content.compile("welcome", german, content.Facets("pt", "", False), envelope=envelope)
    assert skeleton.subject(samples.VALUES) == "Willkommen bei The Orchard Gatherings"


@pytest.mark.parametrize(
    ("reader", "series", "subject", "day"),
    [
        ("de-AT", "en", "Sie sind eingeladen: ", "Mittwoch, 8. Oktober 2031"),
        ("pt", "es", "Te invitamos: ", "miércoles, 8 de octubre de 2031"),
        ("fr", "es", "Vous êtes invité·e\u00a0: ", "mercredi 8 octobre 2031"),
        ("pt", "nl", "You are invited: ", "Wednesday, October 8, 2031"),
    ],
)
def test_a_mail_about_an_event_is_in_the_readers_language_else_in_the_series_own(
    reader: str, series: str, subject: str, day: str
) -> None:
    envelope = content.Envelope.of(samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign="c")
    first = samples.facts("invitation")[0]
    facts = replace(first, constellation=replace(first.constellation, language=series))
    skeleton = content.compile("invitation", facts, content.Facets(reader, "", True), envelope=envelope)
    assert skeleton.subject(samples.VALUES) == f"{subject}{facts.event.title}"
    assert day in skeleton.text(samples.VALUES)


def test_who_follows_one_event_is_not_welcomed_to_mails_about_each() -> None:
    envelope = content.Envelope.of(samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign="")
    facts = samples.facts("welcome")[0]
    for is_choosy, said in ((False, "before each event"), (True, "about what you chose")):
        skeleton = content.compile("welcome", facts, content.Facets(is_choosy=is_choosy), envelope=envelope)
        assert said in " ".join(skeleton.text(samples.VALUES).split())
        assert said in " ".join(skeleton.html(samples.VALUES).split())


def test_whoever_an_import_has_asked_is_not_told_that_they_may_have_asked() -> None:
    for skeleton in skeletons("ask"):
        for said in (skeleton.text(samples.VALUES), skeleton.html(samples.VALUES)):
            assert not re.search("It was not you|Sie waren es nicht", said)
            assert "you never want mail from us" in said.lower() or "Sie möchten nie Mails von uns" in said
