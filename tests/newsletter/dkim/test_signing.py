"""Signatures, judged by dkimpy, which shares no line with us."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter import content
from newsletter.content import quoting, samples
from newsletter.dkim import files, keys
from newsletter.dkim.keys import Algorithm, DkimError, Key
from newsletter.dkim.signing import Signer
from newsletter.setting_tables import Dkim

NOW = datetime(2021, 1, 15, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def message() -> bytes:
    """A campaign's mail as it goes out."""
    envelope = content.Envelope.of(samples.CONSTELLATION, date=NOW, campaign="note", bounce="bounce@example.org")
    facets = content.Facets(locale="en", timezone="Europe/Berlin", named=True)
    skeleton = content.compile("invitation", samples.facts("invitation")[0], facets, envelope=envelope)
    return skeleton.fill(
        {
            "address": "zoe@example.net",
            "first_name": "Zoë",
            "last_name": "  of   two",
            "token": "a" * 40,
            "preferences_link": "abc",
            "unsubscribe_link": "abd",
        }
    )


def verified(message: bytes, *published: Key) -> list[bool]:
    """What a receiver finds of each signature, from the top, by those records."""
    records = {f"{key.name}.".encode(): key.record.encode() for key in published}
    count = len(re.findall(rb"(?m)^DKIM-Signature:", message))

    def holds(which: int) -> bool:
        try:
            return bool(dkim.DKIM(message).verify(idx=which, dnsfunc=lambda name, timeout=5: records.get(name)))
        except dkim.ValidationError:  # of a body that hashes to something else
            return False

    return [holds(which) for which in range(count)]


def test_both_kinds_of_signature_are_verified_by_an_independent_witness(
    made: dict[Algorithm, Key], message: bytes
) -> None:
    signed = Signer([*made.values()]).sign(message, NOW)
    assert verified(signed, *made.values()) == [True, True]
    assert signed.endswith(message)
    assert max(map(len, signed.partition(b"\r\nFrom:")[0].split(b"\r\n"))) <= 78


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Subject: ", b"Subject: Not "),
        (b"Zo=C3=AB", b"Zoe"),
        (b"List-Unsubscribe-Post: ", b"X: "),
        (b"List-Unsubscribe: <https://news", b"List-Unsubscribe: <https://evil"),
        (b"Feedback-ID: ", b"Feedback-ID: x"),
        (b"From: ", b"From: eve@example.com\r\nFrom: "),
        (b"\r\nMIME-Version: ", b"\r\nTo: eve@example.com\r\nMIME-Version: "),
    ],
)
def test_what_is_altered_or_added_on_the_way_shows(
    made: dict[Algorithm, Key], message: bytes, algorithm: Algorithm, old: bytes, new: bytes
) -> None:
    signed = Signer([made[algorithm]]).sign(message, NOW)
    assert old in signed
    assert verified(signed.replace(old, new, 1), made[algorithm]) == [False]


def test_lines_that_a_provider_takes_off_are_not_signed(made: dict[Algorithm, Key], message: bytes) -> None:
    signed = Signer([made[Algorithm.ED25519]]).sign(b"X-PM-Metadata-token: abc\r\n" + message, NOW)
    assert verified(signed.replace(b"X-PM-Metadata-token: abc\r\n", b"", 1), made[Algorithm.ED25519]) == [True]


def test_tidied_white_space_breaks_no_signature(made: dict[Algorithm, Key], message: bytes) -> None:
    signed = Signer([*made.values()]).sign(message, NOW)
    refolded = signed.replace(b"List-Id: The", b"List-ID:   The").replace(b"\r\n\r\n--", b"\r\n\r\n--", 1) + b"\r\n\r\n"
    assert refolded != signed
    assert verified(refolded, *made.values()) == [True, True]


def test_mail_from_a_domain_without_keys_goes_unsigned(made: dict[Algorithm, Key], message: bytes) -> None:
    other = message.replace(b"<news@orchard.example.org>", b"<news@example.com>")
    assert Signer([*made.values()]).sign(other, NOW) == other
    assert not Signer([])


def test_the_nearest_domain_above_signs_for_those_below_it(made: dict[Algorithm, Key], message: bytes) -> None:
    above = replace(made[Algorithm.ED25519], domain="example.org")
    assert verified(Signer([above]).sign(message, NOW), above) == [True]
    assert b"d=example.org;" in Signer([above]).sign(message, NOW)
    assert b"d=orchard.example.org;" in Signer([above, made[Algorithm.RSA]]).sign(message, NOW)


def test_a_new_key_signs_from_its_day_on_and_the_old_one_no_more(made: dict[Algorithm, Key], message: bytes) -> None:
    old = made[Algorithm.ED25519]
    new = replace(old, selector="next", signs_from=NOW)
    signer = Signer([old, new])
    assert b"s=ed255191;" in signer.sign(message, NOW - timedelta(seconds=1))
    assert b"s=next;" in signer.sign(message, NOW)
    assert Signer([new]).sign(message, NOW - timedelta(days=1)) == message


def test_each_kind_of_key_is_chosen_by_itself(made: dict[Algorithm, Key]) -> None:
    later = replace(made[Algorithm.RSA], selector="later", signs_from=NOW)
    chosen = keys.signing([*made.values(), later], "orchard.example.org", NOW)
    assert [(key.algorithm, key.selector) for key in chosen] == [("rsa", "later"), ("ed25519", "ed255191")]


texts = st.text(alphabet=st.one_of(st.sampled_from(" \t\n.=aF"), st.characters(codec="utf-8")), max_size=200)


@given(texts, st.booleans())
@settings(max_examples=150)
def test_bodies_are_written_as_relaxed_canonicalisation_leaves_them(text: str, before_slot: bool) -> None:
    body = quoting.body(text, before_slot=before_slot) + b"--\r\n"  # as every body ends
    assert dkim.canonicalization.Relaxed.canonicalize_body(body) == body


@given(texts.map(lambda text: quoting.one_line(text)))
@settings(max_examples=150)
def test_so_are_values(value: str) -> None:
    rows = quoting.value(value) + b"--\r\n"
    assert dkim.canonicalization.Relaxed.canonicalize_body(rows) == rows


def refusal(file: Path) -> str:
    with pytest.raises(DkimError) as caught:
        files.load(Dkim(domain="example.org", selector="s", key_file=file))
    return str(caught.value)


def test_files_that_hold_no_usable_key_are_named(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    def written(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, *, password: bytes = b"") -> Path:
        lock = form.BestAvailableEncryption(password) if password else form.NoEncryption()
        (tmp_path / "key.pem").write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock))
        return tmp_path / "key.pem"

    assert "No such file or directory; `newsletter dkim make` makes a key" in refusal(tmp_path / "none.pem")
    assert "an RSA key of 1024 bits is too weak" in refusal(written(rsa.generate_private_key(65537, 1024)))
    curve = ec.generate_private_key(ec.SECP256R1())
    assert "this key is neither" in refusal(written(curve))
    assert "without a password" in refusal(written(curve, password=b"secret"))
    (tmp_path / "key.pem").write_text("no key")
    assert "there is no private key in PEM form" in refusal(tmp_path / "key.pem")
