"""A token opens one door, for one person, under every key that is still honoured."""

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.links import DeliveryRef, LinkExpired, LinkInvalid, Links, Opened, Purpose

NOW = datetime(2021, 1, 15, 12, 0, tzinfo=UTC)
OLD, NEW = "o" * 40, "n" * 40
LINKS = Links([NEW, OLD])

IDS = st.integers(1, 2**63 - 1)
CAMPAIGNS = st.integers(0, 2**31 - 1)
MOMENTS = st.datetimes(datetime(1970, 1, 2), datetime(2106, 1, 1)).map(lambda m: m.replace(tzinfo=UTC, microsecond=0))  # noqa: DTZ001
PURPOSES = st.sampled_from(Purpose)


@given(PURPOSES, IDS, CAMPAIGNS, MOMENTS)
def test_a_link_says_what_it_was_made_to_say(purpose, subscriber, campaign, moment):
    token = LINKS.token(purpose, subscriber, campaign, issued_at=moment)
    assert LINKS.open(purpose, token, now=NOW) == Opened(subscriber, campaign, moment)
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")


@given(PURPOSES, PURPOSES, IDS)
def test_a_link_opens_only_the_door_it_was_made_for(purpose, other, subscriber):
    token = LINKS.token(purpose, subscriber, issued_at=NOW)
    if purpose is not other and (purpose, other) not in BY_MAIL:
        with pytest.raises(LinkInvalid):
            LINKS.open(other, token, now=NOW)


BY_MAIL = {(Purpose.MAIL, Purpose.PREFERENCES), (Purpose.MAIL, Purpose.UNSUBSCRIBE)}


@pytest.mark.parametrize(("made", "opened"), sorted(BY_MAIL))
def test_the_one_token_that_mails_had_still_leads_to_what_comes_and_out_of_it_and_nowhere_else(made, opened):
    token = LINKS.token(made, 7, 3, issued_at=NOW)
    assert len(token) == 45
    assert LINKS.open(opened, token, now=NOW) == Opened(7, 3, NOW)


@pytest.mark.parametrize(
    ("purpose", "token"),
    [
        (Purpose.CONFIRM, "AAAAAAAAAAcAAAADAAAAAGABg8A.lh1nvGViR_2OUS6jxqQ2KU3lAlFxn1UK2I2uv-jdYog"),
        (Purpose.PREFERENCES, "AAAAAAAAAAcAAAADAAAAAGABg8A.M4vkmgy-WtwALoa3OzGH273WZadW4l0XTQmnhENO5MQ"),
        (Purpose.UNSUBSCRIBE, "AAAAAAAAAAcAAAADAAAAAGABg8A.OwDvQVhfNk_Zybt5_Nyt5KJKJk-iDMFX8xx7Mp_wR14"),
        (Purpose.ACCOUNT, "AAAAAAAAAAcAAAADAAAAAGABg8A.mcPYfkVePKILVjgd0ywcQO4ewA4-KwE5ors1bDqmlgg"),
        (Purpose.MOVE, "AAAAAAAAAAcAAAADAAAAAGABg8A.kNWUeGHpVodJbx0UVaIOIp6u9ycNzvG31tH_lfKpxR8"),
    ],
)
def test_links_as_they_were_made_before_they_were_short_still_open_their_door_and_no_other(purpose, token):
    links = Links(["new" * 20, "k" * 40])
    assert links.open(purpose, token, now=NOW) == Opened(7, 3, NOW)
    for other in set(Purpose) - {purpose}:
        with pytest.raises(LinkInvalid):
            links.open(other, token, now=NOW)


@given(PURPOSES, IDS, st.data())
def test_a_link_with_any_one_character_changed_is_refused(purpose, subscriber, data):
    token = LINKS.token(purpose, subscriber, issued_at=NOW)
    place = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_.=%é \n").filter(token[place].__ne__))
    with pytest.raises(LinkInvalid):
        LINKS.open(purpose, token[:place] + sign + token[place + 1 :], now=NOW)


@given(PURPOSES, IDS, st.integers(0, 44), st.text(min_size=1, max_size=5))
def test_a_link_cut_short_or_with_something_added_is_refused(purpose, subscriber, length, added):
    token = LINKS.token(purpose, subscriber, issued_at=NOW)
    for wrong in (token[:length], token + added, added + token):
        with pytest.raises(LinkInvalid):
            LINKS.open(purpose, wrong, now=NOW)


@given(st.text())
def test_no_text_at_all_is_a_link_or_a_mail_of_ours(text):
    with pytest.raises(LinkInvalid):
        LINKS.open(Purpose.CONFIRM, text, now=NOW)
    assert LINKS.read_delivery_token(text) is None


def test_links_of_an_older_key_still_open_after_a_rotation_and_close_when_the_key_goes():
    token = Links([OLD]).token(Purpose.UNSUBSCRIBE, 7, 3, issued_at=NOW)
    assert Links([NEW, OLD]).open(Purpose.UNSUBSCRIBE, token, now=NOW).subscriber_id == 7
    with pytest.raises(LinkInvalid):
        Links([NEW]).open(Purpose.UNSUBSCRIBE, token, now=NOW)


def test_the_newest_key_signs():
    token = Links([NEW, OLD]).token(Purpose.CONFIRM, 7, issued_at=NOW)
    assert Links([NEW]).open(Purpose.CONFIRM, token, now=NOW).subscriber_id == 7


def test_a_link_that_is_too_old_says_whose_it_was_and_since_when():
    token = LINKS.token(Purpose.CONFIRM, 7, issued_at=NOW)
    week = timedelta(days=7)
    assert LINKS.open(Purpose.CONFIRM, token, now=NOW + week, within=week).subscriber_id == 7
    with pytest.raises(LinkExpired) as caught:
        LINKS.open(Purpose.CONFIRM, token, now=NOW + week + timedelta(seconds=1), within=week)
    assert (caught.value.subscriber_id, caught.value.expired_at) == (7, NOW + week)
    assert "22" in str(caught.value)


def test_a_link_that_may_not_expire_opens_after_years():
    token = LINKS.token(Purpose.UNSUBSCRIBE, 7, issued_at=NOW)
    assert LINKS.open(Purpose.UNSUBSCRIBE, token, now=NOW + timedelta(days=4000)).subscriber_id == 7


def test_a_link_made_before_this_version_still_opens():
    token = "AAAAAAAAAAcAAAADAAAAAGABg8A.OwDvQVhfNk_Zybt5_Nyt5KJKJk-iDMFX8xx7Mp_wR14"
    links = Links(["k" * 40])
    assert links.open(Purpose.UNSUBSCRIBE, token, now=NOW) == Opened(7, 3, NOW)


def test_without_a_key_there_are_no_links():
    with pytest.raises(ValueError, match="key"):
        Links([])


REFS = st.one_of(
    st.builds(DeliveryRef, st.just("campaign"), st.integers(1, 2**31 - 1), IDS),
    st.builds(DeliveryRef, st.just("transactional"), st.just(0), IDS),
)


@given(REFS)
def test_a_mail_s_token_names_it_fits_a_bounce_address_and_survives_upper_case(ref):
    token = LINKS.delivery_token(ref)
    assert len(f"bounce+{token}".encode()) <= 64
    assert set(token) <= set(string.ascii_lowercase + "234567")
    assert LINKS.read_delivery_token(token) == LINKS.read_delivery_token(token.upper()) == ref


@given(REFS, st.data())
def test_a_mail_s_token_with_any_one_character_changed_names_nothing(ref, data):
    token = LINKS.delivery_token(ref)
    place = data.draw(st.integers(0, len(token) - 1))
    sign = data.draw(st.sampled_from(string.ascii_lowercase + "0189234567=é").filter(token[place].__ne__))
    assert LINKS.read_delivery_token(token[:place] + sign + token[place + 1 :]) is None


def test_mails_sent_before_a_rotation_are_still_known():
    ref = DeliveryRef("campaign", 3, 7)
    assert Links([NEW, OLD]).read_delivery_token(Links([OLD]).delivery_token(ref)) == ref
    assert Links([NEW]).read_delivery_token(Links([OLD]).delivery_token(ref)) is None


# Made on 2026-11-24 by version 0.1.0 with the key "k" * 40; they stand in mailboxes, so every later version opens them.
MADE_BY_0_1_0 = {
    Purpose.CONFIRM: "AAAAAAAAEmcAAAAMAAAAAGABg8A.GTeYuHBTFrQ2HycYyrtAGTNSgis3aBOaMBXC2PuRK0Q",
    Purpose.PREFERENCES: "AAAAAAAAEmcAAAAMAAAAAGABg8A.SusozDSdMIHlTnLhHTyReXqj67uo3UQ2iRAQNnlPMZw",
    Purpose.UNSUBSCRIBE: "AAAAAAAAEmcAAAAMAAAAAGABg8A.MY235-66TdcHCVstKMnWJdQB-QJgHB48ULEUCHspEUs",
}
DELIVERY_BY_0_1_0 = "aaaaadaaaaaaaaaacjt7jecxda5tjk73wbrvdjbh"


@pytest.mark.parametrize(("purpose", "token"), MADE_BY_0_1_0.items())
def test_a_link_from_an_earlier_version_still_opens_after_the_upgrade_and_a_rotation(purpose, token):
    for keys in (["k" * 40], [NEW, "k" * 40], [NEW, OLD, "k" * 40]):
        assert Links(keys).open(purpose, token, now=NOW) == Opened(4711, 12, NOW)
    with pytest.raises(LinkInvalid):
        Links([NEW, OLD]).open(purpose, token, now=NOW)


def test_a_mails_name_from_an_earlier_version_is_still_read():
    assert Links([NEW, "k" * 40]).read_delivery_token(DELIVERY_BY_0_1_0) == DeliveryRef("campaign", 12, 4711)
