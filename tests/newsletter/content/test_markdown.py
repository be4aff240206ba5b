"""A Markdown file becomes a letter, or each thing that is wrong with it is told with its place."""

import codecs
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from newsletter import content
from newsletter.content import markdown, pictures
from newsletter.content.markdown import Written

MEDIA = "https://news.example.org/media"
HEAD = "---\nsubject: A story\n---\n"

Read = Callable[..., Written]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Write story.md beside two pictures, and read it."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (2400, 1200), (190, 60, 50)).save(tmp_path / "wide apples.jpg")
    Image.new("RGBA", (200, 80), (30, 90, 80, 128)).save(tmp_path / "logo.png")

    def reading(text: str) -> Written:
        (tmp_path / "story.md").write_text(text, encoding="utf-8")
        return markdown.read(tmp_path / "story.md", language="en", media_url=MEDIA)

    return reading


def test_the_front_matter_and_the_first_heading_say_what_the_mail_is_about(read: Read) -> None:
    said = read(
        '---\nsubject: "Apples: a story"\npreheader: What came of it.\nkicker: From the orchard\nevent: apples\n'
        'audience: role = "teacher"\nlanguage: fr\n---\n# The girl *who* marked\n\nText.\n'
    )
    assert (said.event, said.audience) == ("apples", 'role = "teacher"')
    letter = said.letter
    assert (letter.subject, letter.headline, letter.kicker) == (
        "Apples: a story",
        "The girl who marked",
        "From the orchard",
    )
    assert (letter.preheader, letter.opening, letter.language) == ("What came of it.", "What came of it.", "fr")
    assert (letter.html, letter.text) == ("<p>Text.</p>\n", "Text.\n")


def test_without_a_preheader_a_list_shows_how_the_text_begins(read: Read) -> None:
    assert read(f"{HEAD}One *two*\nthree.\n\nMore.").letter.opening == "One two three."
    assert read(HEAD + "word " * 60).letter.opening == "word " * 23 + "word …"


def test_what_it_means_reads_well_as_plain_text(read: Read) -> None:
    said = read(
        HEAD
        + "## Two *things*\n\nGo [there](https://x.example/), [mail](mailto:a@x.example) or <https://y.example>.  \n"
        "Now.\n\n> Quoted\n> words\n\n1. One\n2. Two\n   - deep "
        + "long "
        * 20
        + "\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "    code\n\n---\n\n~~gone~~ & <small>small</small>&nbsp;print<br>end\n"
    )
    deep = "   - deep " + "long " * 12
    assert said.letter.text == (
        "Two things\n----------\n\nGo there (https://x.example/), mail (a@x.example) or https://y.example.\nNow.\n\n"
        f"> Quoted words\n\n1. One\n2. Two\n{deep.rstrip()}\n     {'long ' * 7 + 'long'}\n"
        "\na  |  b\n1  |  2\n\n    code\n\n* * *\n\n"
        "gone & small\xa0print\nend\n"
    )


def test_only_html_that_mails_can_show_goes_out_and_headings_stay_below_the_mails_own(read: Read) -> None:
    html = read(
        HEAD
        + '# One\n\ntext\n\n# Another\n\n###### Small\n\n[x](javascript:alert(1)) <b onclick="x()" style="y">b</b>\n'
        "\n<sub>ok</sub> [y](/relative)\n"
    ).letter.html
    assert "<h2>Another</h2>" in html
    assert "<h4>Small</h4>" in html
    assert "<b>b</b>" in html
    assert "<sub>ok</sub>" in html
    assert 'href="/relative"' in html
    assert "h1" not in html
    assert '"javascript' not in html


def test_pictures_are_made_ready_and_linked_to_by_the_hash_of_their_content(read: Read) -> None:
    said = read(HEAD + "![Apples](wide%20apples.jpg)\n![Our mark](logo.png) ![Again](logo.png)\n")
    assert [(one.media_type, one.width, one.height) for one in said.hosted] == [
        ("image/jpeg", pictures.WIDEST, pictures.WIDEST // 2),
        ("image/png", 200, 80),
    ]
    wide, logo = said.hosted
    assert f'<img src="{MEDIA}/{wide.name}" alt="Apples" class="picture" width="{pictures.SHOWN}">' in said.letter.html
    assert said.letter.html.count(f'src="{MEDIA}/{logo.name}"') == 2
    assert 'width="200"' in said.letter.html
    assert said.letter.embedded == ()
    assert "[Apples]" in said.letter.text
    again = read(HEAD + "![Other words](wide%20apples.jpg)")
    assert again.hosted[0].name == wide.name


def test_pictures_may_travel_in_the_mail_instead(read: Read) -> None:
    said = read("---\nsubject: S\nimages: embedded\n---\n![Our mark](logo.png)\n")
    (logo,) = said.letter.embedded
    assert f'src="cid:{logo.name}"' in said.letter.html
    assert said.hosted == ()


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("Hello", ["1:1: the file begins with no front matter"]),
        ("---\n---\nHello", ["1:1: the front matter names no subject"]),
        ("---\nsubjct: x\n---\nHello", ["2:1: subjct: there is no such name here; did you mean subject?"]),
        ("---\nsubject: a: b\n---\nHello", ["2:11: mapping values are not allowed here; put quotes around a text"]),
        ("---\nsubject: x\nsubject: y\n---\nHello", ["3:1: subject: this is said twice"]),
        ("---\nsubject: [a, b]\n---\nHello", ["2:1: subject: this is one text, not a list"]),
        ("---\n- subject\n---\nHello", ["2:1: the front matter is lines of `name: value`"]),
        (
            "---\nsubject: x\nimages: embeded\n---\nHello",
            ["3:1: images: hosted or embedded, not embeded; did you mean"],
        ),
        (HEAD, ["4:1: there is no text after the front matter"]),
        (f"{HEAD}Hi\n\nSee ![](logo.png)", ["6:9: logo.png has no words for those who do not see it: ![what it"]),
        (f"{HEAD}![Apples](none.jpg)", ["4:11: none.jpg is not there; a picture's path begins at the folder of this"]),
        (f"{HEAD}![Text](story.md)", ["4:9: story.md is no picture in JPEG, PNG, GIF or WebP"]),
        (f"{HEAD}Hi <script>x</script>", ["4:4: <script> cannot stand in", "4:13: <script> cannot stand in"]),
        (f"{HEAD}<div>\nx\n</div>\n", ["4:1: <div> cannot stand in a mail's text", "6:1: <div> cannot stand in"]),
        (f'{HEAD}<img src="logo.png">', ["4:1: write a picture as ![what it shows](picture.jpg)"]),
    ],
)
def test_what_is_wrong_is_told_with_file_line_and_column(read: Read, text: str, faults: list[str]) -> None:
    with pytest.raises(content.ContentError) as error:
        read(text)
    lines = str(error.value).splitlines()
    assert [line.startswith(f"story.md:{fault}") for line, fault in zip(lines, faults, strict=True)] == [True] * len(
        faults
    ), lines


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(content.ContentError, match=r"^nothing\.md: No such file"):
        markdown.read(tmp_path / "nothing.md", language="en", media_url=MEDIA)
    (tmp_path / "odd.md").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(content.ContentError, match=r"^odd\.md: is not in UTF-8"):
        markdown.read(tmp_path / "odd.md", language="en", media_url=MEDIA)


def test_a_file_may_begin_with_a_byte_order_mark_and_end_its_lines_as_windows_does(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(codecs.BOM_UTF8 + b"---\r\nsubject: Hi\r\n---\r\nAll **well**.\r\n")
    read = markdown.read(tmp_path / "a.md", language="en", media_url=MEDIA)
    assert (read.letter.subject, read.letter.text.strip()) == ("Hi", "All well.")


def test_a_photograph_is_turned_upright_and_says_nothing_of_its_camera(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    Image.new("RGB", (60, 40), "red").save(tmp_path / "photo.jpg", exif=exif)
    made = pictures.prepare(tmp_path / "photo.jpg")
    assert (made.width, made.height) == (40, 60)
    with Image.open(io.BytesIO(made.content)) as opened:
        assert not opened.getexif()
    assert b"A camera" not in made.content


def test_a_moving_picture_stays_one_and_one_of_another_sort_is_refused(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "blue")]
    for name in ("moving.gif", "moving.webp"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    made = pictures.prepare(tmp_path / "moving.gif")
    assert made.content == (tmp_path / "moving.gif").read_bytes()
    with pytest.raises(pictures.NoPicture, match="moves; mails show moving pictures as GIFs"):
        pictures.prepare(tmp_path / "moving.webp")


@pytest.mark.parametrize("damage", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0 broken"])
def test_a_broken_picture_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "broken").write_bytes(damage)
    with pytest.raises(pictures.NoPicture):
        pictures.prepare(tmp_path / "broken")


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("role = x", (3, 18)),
        ("role  =  x", (3, 20)),
        ("'role = x'", (3, 19)),
        ("'town = ''y'' or role = x'", (3, 35)),
        ('"town = \\"y\\" or role = x"', (3, 35)),
        ("role =\n  x", (4, 3)),
        (">-\n  role\n  = x", (5, 5)),
    ],
)
def test_a_place_in_a_value_is_found_however_it_is_written(read: Read, written: str, place: tuple[int, int]) -> None:
    story = read(
        HEAD.replace("---\n", f"---\naudience: {written}\n", 1).replace("\naud", "\nkicker: a\naud") + "Hello\n"
    )
    assert story.spots["audience"].of(story.audience, story.audience.index("x")) == place
