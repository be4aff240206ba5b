"""Made-up people: the same for the same seed, under names that receive no mail, and as flawed as real lists."""

import csv
import re

from newsletter import people

EVENTS = ["opening", "closing"]
RESERVED = re.compile(r"[\w.-]*\bexample(\.(org|net|com))?\b", re.IGNORECASE)


def test_the_same_seed_makes_the_same_people_and_another_makes_others():
    assert list(people.generate(200, 1, EVENTS)) == list(people.generate(200, 1, EVENTS))
    assert list(people.generate(200, 1, EVENTS)) != list(people.generate(200, 2, EVENTS))


def test_nobody_made_up_can_ever_receive_a_mail():
    for person in people.generate(3000, 3, EVENTS):
        for host in re.findall(r"@+\s*([^\s,>]+)", person["email"]):
            assert RESERVED.search(host) or host == "intranet", person


def test_lists_hold_every_flaw_that_real_ones_have():
    addresses = [person["email"] for person in people.generate(3000, 4, EVENTS)]
    flaws = ("", " (at) ", "@@", "<", "mailto:", "=HYPERLINK", "x" * 70, "\u200b", ", ")
    for flaw in flaws:
        assert any(flaw == address if not flaw else flaw in address for address in addresses), flaw
    assert any(address.isupper() for address in addresses)
    assert any(address.startswith(" ") for address in addresses)
    assert any("ü" in address for address in addresses)
    plain = [address.strip().lower() for address in addresses if address]
    assert 0 < len(plain) - len(set(plain)) < 200


def test_events_are_those_there_are():
    named = {slug for person in people.generate(500, 5, EVENTS) for slug in person["events"].split(";")}
    assert named == {"", "all", *EVENTS}
    assert {person["events"] for person in people.generate(50, 5, [])} == {""}


def test_the_file_is_one_the_import_reads(tmp_path):
    path = tmp_path / "people.csv"
    people.write_csv(path, 50, 6, EVENTS)
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == list(people.generate(50, 6, EVENTS))
