"""What may be written to, and when two addresses are the same."""

import string
import unicodedata

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from subscribers import addresses
from subscribers.addresses import Address, AddressError

REFUSED = [
    ("", "empty"),
    ("   ", "empty"),
    ("ana at example.org", "@-sign"),
    ("ana@@example.org", "@"),
    ("ana@example.org.", "ends with a dot"),
    ("ana@example", "period"),
    ("@example.org", "before the @-sign"),
    ("ana@", "after the @-sign"),
    ("ana.@example.org", "period"),
    ("a..b@example.org", "two periods"),
    ("a" * 65 + "@example.org", "too long before the @-sign"),
    ("ж" * 40 + "@example.org", "64 bytes"),
    ("ana@" + "a" * 64 + ".example", "separated by so many characters"),
    ("ana@" + ".".join(["a" * 60] * 4) + ".example", "too long"),
    ("ana@-example.org", "hyphen"),
    ("ana@exa_mple.org", "'_'"),
    ("ana@192.0.2.1", "top-level domain"),
    ("ana@[192.0.2.1]", "bracketed"),
    ("ana@printer.local", "reserved name"),
    ("ana@\u212aelvin.example.1", "top-level"),
    ('"ana maria"@example.org', "uoting"),
    ("Ana <ana@example.org>", "display name"),
    ("ana@example.org, ben@example.org", "'@'"),
    ("ana@example.org\r\nBcc: ben@example.org", "invalid characters"),
    ("ana\x00@example.org", "invalid characters"),
    ("ana\u202e@example.org", "unsafe"),
    ("=cmd|calc!ana@example.org", "route"),
    ("ana%example.net@example.org", "route"),
    ("|ana@example.org", "route"),
    ("/etc/passwd@example.org", "route"),
    ("x" * 5000 + "@example.org", "5012 characters"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=[repr(text)[:30] for text, _ in REFUSED])
def test_what_cannot_be_written_to_is_refused_in_one_line_that_says_why(text, reason):
    with pytest.raises(AddressError) as caught:
        addresses.parse(text)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("text", "given_form", "normal"),
    [
        ("ana@example.org", "ana@example.org", "ana@example.org"),
        ("  ANA@Example.ORG\t", "ANA@example.org", "ana@example.org"),
        ("\ufeffana@example.org\u200b", "ana@example.org", "ana@example.org"),
        ("o'neil+list@mail.example", "o'neil+list@mail.example", "o'neil+list@mail.example"),
        ("Ana@Bücher.example", "Ana@xn--bcher-kva.example", "ana@xn--bcher-kva.example"),
        ("ana@XN--BCHER-KVA.example", "ana@xn--bcher-kva.example", "ana@xn--bcher-kva.example"),
        ("Jose\u0301@example.org", "Jos\u00e9@example.org", "jos\u00e9@example.org"),
        ("ΑΛΈΞΗΣ@example.org", "ΑΛΈΞΗΣ@example.org", "αλέξησ@example.org"),
    ],
)
def test_an_address_keeps_what_was_given_and_has_one_normal_form(text, given_form, normal):
    assert addresses.parse(text) == Address(given_form, normal)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ana@example.org", ""),
        ("<ana@example.org>", ""),
        ("mailto:ana@example.org", ""),
        ("Ana <ana@example.org>", "Ana"),
        ("  Zoë  Núñez <ana@example.org> ", "Zoë Núñez"),
        ('"O\'Neil, Ana" <ana@example.org>', "O'Neil, Ana"),
        ("Ana <MAILTO:ana@example.org>", "Ana"),
    ],
)
def test_a_list_may_hold_display_names_and_links(text, name):
    assert addresses.parse_mailbox(text) == (name, Address("ana@example.org", "ana@example.org"))


@pytest.mark.parametrize("text", ["Ana <ana@example.org> <ben@example.org>", "<>", "Ana <>", "Ana <Ana>", "a <b@c.d"])
def test_a_mailbox_without_exactly_one_address_is_refused(text):
    with pytest.raises(AddressError):
        addresses.parse_mailbox(text)


ODD = "!#$%&'*+/=?^_`{|}~-.@\" ()<>[]:;,\\\t\u017f\u212aéßıİ"
TEXTS = st.text(alphabet=string.ascii_letters + string.digits + ODD, max_size=24)
DOMAINS = st.one_of(
    TEXTS,
    st.lists(st.text(alphabet=string.ascii_letters + string.digits + "-_ſK", min_size=1, max_size=8), max_size=4).map(
        ".".join
    ),
    st.sampled_from(["example.org", "sub.Example.NET", "a.test", "x.local", "xn--bcher-kva.example", "ab--c.example"]),
)


@given(local=TEXTS, domain=DOMAINS)
@example(local="ana", domain="\u212aelvin.example")
@example(local="ana", domain="example.xn--p1ai")
@example(local="ana", domain="a.localhost.example")
@example(local="a" * 64, domain="example.org")
@example(local="a" * 65, domain="example.org")
@example(local="a|b", domain="example.org")
@example(local="a|b", domain="b\u00fccher.example")
@example(local="a/b", domain="example.org")
def test_the_quick_reading_agrees_with_the_library(local, domain):
    text = f"{local}@{domain}".strip()
    try:
        found = validate_email(text, check_deliverability=False, strict=True)
    except EmailNotValidError:
        with pytest.raises(AddressError):
            addresses.parse(text)
        return
    if set(found.local_part) & set("%!|") or found.local_part.startswith("/"):
        with pytest.raises(AddressError):  # the one thing we are stricter about
            addresses.parse(text)
        return
    address = addresses.parse(text)
    folded = unicodedata.normalize("NFC", found.local_part.casefold())
    assert address.normal == f"{folded}@{found.ascii_domain.lower()}"
    assert address.given.casefold() == f"{found.local_part}@{found.ascii_domain}".casefold()


@given(local=TEXTS, domain=DOMAINS)
def test_reading_an_address_again_changes_nothing(local, domain):
    try:
        once = addresses.parse(f"{local}@{domain}")
    except AddressError:
        return
    assert addresses.parse(once.given) == once
    assert all(sign.isprintable() and not sign.isspace() and sign not in "<>" for sign in once.given)


@given(st.text(max_size=80))
def test_no_text_at_all_breaks_the_reading(text):
    said = []
    for read in (addresses.parse, addresses.parse_mailbox):
        try:
            read(text)
        except AddressError as error:
            said.append(str(error))
    assert not any("\n" in line for line in said)


@pytest.mark.parametrize(
    ("normal", "mailbox"),
    [
        ("ana@example.org", "ana@example.org"),
        ("ana+news@example.org", "ana@example.org"),
        ("ana+a+b@example.org", "ana@example.org"),
        ("+news@example.org", "+news@example.org"),
        ("zoë+x@bücher.example", "zoë@bücher.example"),
    ],
)
def test_the_details_of_an_address_lead_to_one_mailbox(normal: str, mailbox: str) -> None:
    assert addresses.mailbox(normal) == mailbox
