"""The list of time zones, as people read it."""

import re

import pytest

from newsletter import catalogues
from newsletter.web import zones

SHOWN = re.compile(r'<option value="([^"]+)">([^<]+)</option>')
GROUPS = re.compile(r'<optgroup label="[^"]+">(.*?)</optgroup>')


def shown(language: str, chosen: str = "") -> list[list[tuple[str, str]]]:
    """The zones that people see in each continent, and the places they read."""
    return [SHOWN.findall(group) for group in GROUPS.findall(zones.options(chosen, catalogues.voice(language)))]


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_each_place_stands_once_in_its_continent_and_is_a_place(language: str) -> None:
    for zones_there in shown(language):
        places = [place for _, place in zones_there]
        assert len(places) == len(set(places))
        assert not [place for place in places if "/" in place or "_" in place]


def test_places_are_in_the_order_of_their_names_in_the_readers_language() -> None:
    africa = [place for _, place in shown("de")[1]]
    assert africa.index("Johannesburg") < africa.index("Kairo") < africa.index("Kampala")
    assert ("America/Argentina/Buenos_Aires", "Buenos Aires") in shown("en")[2]
    america = [place for _, place in shown("en")[2]]
    assert america.index("Menominee") < america.index("Mérida") < america.index("Metlakatla")


def test_another_name_of_a_zone_is_hidden_and_can_be_chosen_all_the_same() -> None:
    voice = catalogues.voice("en")
    assert '<option value="Asia/Calcutta" hidden>Kolkata</option>' in zones.options("", voice)
    assert '<option value="Asia/Calcutta" selected hidden>Kolkata</option>' in zones.options("Asia/Calcutta", voice)
    assert "Asia/Kolkata" in dict(shown("en")[4])
    assert {"Asia/Kolkata", "Asia/Calcutta"} < zones.known()
