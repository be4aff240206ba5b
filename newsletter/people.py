"""Made-up people as spreadsheets really hold them, for the demo and for trying things out.

Every address is under a name that can never receive mail (RFC 2606). The same seed makes the same people.
"""

import csv
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

COLUMNS = ("email", "first_name", "last_name", "timezone", "role", "events", "consented_at", "consent_source")


def _listed(names: str) -> tuple[str, ...]:
    return tuple(names.split(","))


_FIRST = _listed(
    "Adaeze,Ada,Agnieszka,Anaïs,Anouk,Arjun,Aylin,Beatriz,Björn,Bronwyn,Caoimhe,Cem,Chidi,Daniela,Đorđe,Eilidh,Ewa,"
    "Farah,Francisca,Gaël,Hana,Hye-jin,Inés,Ioana,Ivo,Jakub,Jens,Joaquín,Kaito,Kwame,Lë,Lucía,Maëlle,Mehmet,Mbali,"
    "Mihai,Naledi,Niamh,Nia,Oona,Paulo,Pál,Quỳnh,Rafael,Ravi,Rosalind,Sanne,Seán,Sibusiso,Sofía,Søren,Tariq,Thandi,"
    "Tomás,Ula,Vera,Wanjiru,Xóchitl,Yara,Zofia,Μαρία,Νίκος,Олена,Иван,Գայանե,ნინო,אורי,ليلى,美咲,伟,지우,प्रिया,தமிழ்"
)
_LAST = _listed(
    "Abara,Achterberg,Arslan,Bakker,Barbosa,Brânză,Chukwu,Côté,da Silva,Dąbrowski,de la Cruz,Dlamini,Dvořák,Eriksen,"
    "Fernández,Fitzgerald,Fujimoto,Gómez,Grünwald,Hernández,Horvat,Ibarra,Jäger,Jóhannsdóttir,Kamau,Kaya,Kovács,Lê,"
    "Lindqvist,Mac Giolla,Mahlangu,Mbeki,Mendes,Moreau,Müller,Ngũgĩ,Novák,O'Brien,O'Shea,Ortega,Öztürk,Peña,"
    "Popescu,Quintero,Rao,Reyes,Saint-Pierre,Sánchez,Schäfer,Šimić,Singh,Sørensen,Szabó,Tremblay,Ueda,van den Berg,"
    "Vũ,Watanabe,Wójcik,Yılmaz,Zhou,Παπάς,Шевченко,陳,김"
)
_HOSTS = (
    "example.org",
    "example.net",
    "example.com",
    "northside.example",
    "district12.example",
    "maple-high.example",
    "post.example",
    "college.example",
    "grünewald.example",
)
_ROLES = ("teacher", "coach", "principal", "student", "parent", "researcher", "district", "")
_ZONES = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Anchorage",
    "Pacific/Honolulu",
    "Europe/Berlin",
    "",
)
_SOURCES = ("sign-up sheet, regional meeting", "form on the site", "booth at the autumn fair", "")
_FLAWS = 0.17
"""The share of rows with something the matter: half of them can be put right, the others cannot."""


def generate(count: int, seed: int, event_slugs: Sequence[str]) -> Iterator[dict[str, str]]:
    """That many rows, one dict of COLUMNS each; some name a person twice, and some no person at all."""
    dice = random.Random(seed)  # noqa: S311 - people are made up, nothing is kept secret
    recent: list[str] = []
    for number in range(count):
        row = _person(dice, number, event_slugs)
        if recent and dice.random() < 0.015:
            row["email"] = dice.choice(recent)
        if dice.random() < _FLAWS:
            row["email"] = _flawed(dice, row)
        elif row["email"]:
            recent = [*recent[-49:], row["email"]]
        yield row


def write_csv(path: Path, count: int, seed: int, event_slugs: Sequence[str]) -> None:
    """Write such people to a CSV file with a header."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(generate(count, seed, event_slugs))


def _person(dice: random.Random, number: int, event_slugs: Sequence[str]) -> dict[str, str]:
    first = dice.choice(_FIRST)
    last = dice.choice(_LAST)
    local = f"{_latin(first)}.{_latin(last)}{number}"
    has_consent = dice.random() < 0.68
    return {
        "email": f"{local}@{dice.choice(_HOSTS)}",
        "first_name": first if dice.random() < 0.95 else "",
        "last_name": last,
        "timezone": dice.choice(_ZONES),
        "role": dice.choice(_ROLES),
        "events": _events(dice, event_slugs),
        "consented_at": _moment(dice) if has_consent else "",
        "consent_source": dice.choice(_SOURCES),
    }


def _latin(name: str) -> str:
    """The ASCII letters of a name, for an address; people whose name has none use a word instead."""
    letters = "".join(letter for letter in name.lower() if letter.isascii() and letter.isalpha())
    return letters or "mail"


def _events(dice: random.Random, event_slugs: Sequence[str]) -> str:
    kind = dice.random()
    if kind < 0.2 or not event_slugs:
        return ""
    if kind < 0.4:
        return "all"
    return ";".join(dice.sample(list(event_slugs), k=min(len(event_slugs), dice.choice((1, 1, 2, 3)))))


def _moment(dice: random.Random) -> str:
    """Some day of the autumn before; half of the sheets note the hour too."""
    month, day = dice.choice((10, 11, 12)), dice.randint(1, 28)
    hour = f"T{dice.randint(7, 20):02}:00:00Z" if dice.random() < 0.5 else ""
    return f"2020-{month}-{day:02}{hour}"


def _flawed(dice: random.Random, row: dict[str, str]) -> str:
    address = row["email"]
    local, _, host = address.partition("@")
    name = row["first_name"] or row["last_name"]
    return dice.choices(
        (
            address.upper(),
            f"  {address} ",
            f"{name} <{address}>",
            f'"{row["last_name"]}, {name}" <{address}>',
            f"mailto:{address}",
            f"\u200b{address}",
            "",
            f"{local} (at) {host}",
            f"{local}@@{host}",
            f"{address}.",
            f"{local}@intranet",
            f'=HYPERLINK("http://{host}/?{local}")',
            f"{'x' * 70}{address}",
            f"{local}@{host}, {local}@example.org",
        ),
        weights=(12, 12, 6, 6, 3, 3, 5, 3, 2, 3, 2, 2, 2, 1),
    )[0]
