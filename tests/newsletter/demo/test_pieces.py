"""The pieces a season is made of: the folder, the outbox, the agenda, the browser, the tempers, the encore."""

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from newsletter import assets, settings
from newsletter.constellation import file, planning
from newsletter.demo import encore, folder, letters, outbox
from newsletter.demo.browser import Browser
from newsletter.demo.clock import BEGINS, ENDS, Agenda, Clock
from newsletter.demo.errors import DemoError
from newsletter.demo.folder import Folder
from newsletter.demo.outbox import Outbox
from newsletter.demo.tempers import Habit, Tempers

MAIL = (
    b"From: News <news@example.org>\r\nDate: Wed, 03 Feb 2021 14:00:00 +0000\r\nMessage-ID: <t@example.org>\r\n"
    b"Feedback-ID: opening-invitation:\r\n afl:invitation:example.org\r\nSubject: Come\r\n\r\nCome.\r\n"
)


def test_a_folder_of_somebodys_own_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("all of it")
    with pytest.raises(DemoError, match="was not made by the demo"):
        folder.prepare(tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "all of it"


def test_a_link_is_not_followed_to_empty_what_it_leads_to(tmp_path: Path) -> None:
    folder.prepare(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(DemoError, match="no folder"):
        folder.prepare(tmp_path / "link")


def test_a_file_in_the_way_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    with pytest.raises(DemoError, match="no folder"):
        folder.prepare(tmp_path / "demo")
    with pytest.raises(DemoError, match=r"(?s)^[^\n]*--folder$"):
        folder.prepare(tmp_path / "demo" / "below")


def test_the_demos_own_folder_is_made_anew(tmp_path: Path) -> None:
    folder.prepare(tmp_path / "demo")
    (tmp_path / "demo" / "outbox").mkdir()
    assert not folder.prepare(tmp_path / "demo").outbox.exists()


def test_its_settings_are_private_and_stay_in_the_folder(folder: Folder) -> None:
    from newsletter.demo.folder import settle

    made = settle(folder, smtp_port=2525, web_port=8025)
    assert stat.S_IMODE(folder.settings.stat().st_mode) == 0o600
    assert made == settings.read(folder.settings)
    assert made.database == f"sqlite:///{folder.database.resolve()}"
    assert made.smtp.host == "127.0.0.1"


def test_variables_that_name_a_real_database_are_forgotten() -> None:
    environment = {"NEWSLETTER_DATABASE": "postgresql://real/one", "NEWSLETTER_SMTP__HOST": "real", "PATH": os.defpath}
    folder.forget_variables(environment)
    assert environment == {"PATH": os.defpath}


def test_a_mail_lies_in_the_folder_of_its_mailing_and_says_when_it_came_and_to_whom(tmp_path: Path) -> None:
    came = datetime(2021, 2, 3, 14, 5, tzinfo=UTC)
    box = Outbox(tmp_path, lambda: came)
    box.keep("bounce+token@example.org", "ana@example.org", MAIL)
    (mail,) = box.take_arrived()
    assert mail.path == tmp_path / "02-03-opening-invitation" / "ana@example.org.eml"
    assert (mail.at, mail.recipient, mail.token, mail.mailing, mail.kind) == (
        came, "ana@example.org", "token", "opening-invitation", "invitation",
    )  # fmt: skip
    assert [found for found, _ in outbox.read(tmp_path)] == [mail]
    assert mail.path.read_bytes().endswith(MAIL)
    assert box.take_arrived() == []


def test_a_second_mail_of_that_name_is_put_beside_the_first(tmp_path: Path) -> None:
    box = Outbox(tmp_path, lambda: BEGINS)
    for _ in range(3):
        box.keep("a@example.org", "ana@example.org", MAIL)
    assert sorted(path.name for path in tmp_path.glob("*/*")) == [
        "ana@example.org-2.eml", "ana@example.org-3.eml", "ana@example.org.eml",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "recipient", ["../../x@example.org", "/etc/x@example.org", "..", "x" * 300, "a\0b@example.org"]
)
def test_no_address_leads_out_of_the_outbox(tmp_path: Path, recipient: str) -> None:
    Outbox(tmp_path / "outbox", lambda: BEGINS).keep("a@example.org", recipient, MAIL)
    (path,) = tmp_path.rglob("*.eml")
    assert path.parent.parent == tmp_path / "outbox"


def test_a_mail_without_any_header_is_kept_all_the_same(tmp_path: Path) -> None:
    Outbox(tmp_path, lambda: BEGINS).keep("", "ana@example.org", b"")
    ((mail, _),) = outbox.read(tmp_path)
    assert (mail.mailing, mail.kind, mail.path.parent.name) == ("", "", "other")


async def test_an_agenda_gives_what_is_due_in_order_and_a_clock_never_goes_back() -> None:
    done: list[str] = []

    def noting(word: str) -> object:
        async def act() -> None:
            done.append(word)

        return act

    agenda, clock = Agenda(), Clock(BEGINS)
    for minutes, word in ((5, "later"), (1, "first"), (1, "second")):
        agenda.at(BEGINS + timedelta(minutes=minutes), noting(word))  # type: ignore[arg-type]  # an action
    clock.forward_to(BEGINS + timedelta(minutes=2))
    clock.forward_to(BEGINS)
    for action in agenda.take_due(clock()):
        await action()
    assert done == ["first", "second"]
    assert agenda.next_at == BEGINS + timedelta(minutes=5)


def test_a_clock_that_runs_on_shows_the_time_it_really_is() -> None:
    clock = Clock(BEGINS)
    clock.run_on()
    assert abs(clock() - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_same_seed_makes_the_same_people_and_another_makes_others() -> None:
    addresses = [f"{number}@example.org" for number in range(400)]
    one, same, other = (Tempers(seed, BEGINS, ENDS) for seed in (1, 1, 2))
    assert [one.of(address) for address in addresses] == [same.of(address) for address in addresses]
    assert [one.of(address) for address in addresses] != [other.of(address) for address in addresses]
    assert {one.of(address).habit for address in addresses} == set(Habit)


FORM = """<form action="/save"><input name="email" value="ana@example.org"><input type="checkbox" name="events"
value="lab" checked><input type="checkbox" name="events" value="closing"><select name="zone"><option value="x">
<option value="y" selected></select><button name="part" value="choices">Save <b>it</b></button></form>
<style>form { x }</style><form action="/leave"><button>Leave</button></form>"""


async def test_a_browser_reads_forms_as_they_are_filled_in_and_sends_what_a_button_sends() -> None:
    sent: list[tuple[str, str]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append((request.url.path, request.content.decode()))
        return httpx2.Response(200, text=FORM)

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer), base_url="https://x.example") as client:
        browser = Browser(client)
        page = await browser.open("/form")
        form, button = page.button(value="choices")
        assert form.fields == [("email", "ana@example.org"), ("events", "lab"), ("zone", "y")]
        assert (form.choices, button.label, page.value("zone")) == ({"events": ["lab", "closing"]}, "Save it", "y")
        assert page.text == "Save it Leave"
        await browser.press(page, form, button, {"events": ["closing"]})
        with pytest.raises(DemoError, match="no button Stay"):
            page.button("Stay")
    assert sent[-1] == ("/save", "email=ana%40example.org&zone=y&events=closing&part=choices")


def test_links_are_read_from_the_mail_itself(tmp_path: Path) -> None:
    box = Outbox(tmp_path, lambda: BEGINS)
    box.keep("a@example.org", "ana@example.org", MAIL)
    (mail,) = box.take_arrived()
    with pytest.raises(DemoError, match="no link to /unsubscribe/"):
        letters.link(mail, "unsubscribe", in_html=False)
    with pytest.raises(DemoError, match="no button to leave"):
        letters.one_click(mail)


def test_the_season_that_lies_ahead_keeps_its_hours_and_nothing_of_it_is_over() -> None:
    now = datetime(2026, 10, 20, 9, 0, tzinfo=UTC)
    played = file.read(assets.TEMPLATES / "init" / "constellation.toml")
    again = encore.ahead(played, now)
    assert all(event.starts > now for event in again.events)
    assert {event.slug for event in again.events}.isdisjoint(event.slug for event in played.events)
    opening, before = again.event("opening-2026"), played.event("opening")
    assert opening is not None
    assert before is not None
    assert f"{opening.starts:%A %H:%M}" == f"{before.starts:%A %H:%M}"
    assert timedelta(weeks=3) <= opening.starts - now < timedelta(weeks=4)
    story = again.events[0]
    assert story.is_story
    assert planning.due(story, story.mails[0]) == now + encore.FIRST_STORY_IN
    assert file.read(assets.TEMPLATES / "init" / "constellation.toml") == played
