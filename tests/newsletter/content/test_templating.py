"""What is wrong with a template is one line with its place."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter import content
from newsletter.content import samples

Compile = Callable[..., content.Skeleton]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"html": "{{ event.titel }}"}, "mail/note/body.mjml:3: 'newsletter.constellation.model.Event object' has no"),
        ({"html": "{{ titel }}"}, "mail/note/body.mjml:3: 'titel' is undefined"),
        ({"text": "\n\n{{ titel }}"}, "mail/note/body.txt:3: 'titel' is undefined"),
        ({"subject": "{{ titel }}"}, "mail/note/subject.txt:1: 'titel' is undefined"),
        ({"html": "{% if event %}"}, "mail/note/body.mjml:"),
        ({"html": "{{ event.title|uper }}"}, "mail/note/body.mjml:3: No filter named 'uper'"),
        ({"html": "{{ event.title|day }}"}, "mail/note/body.mjml:3: |day is for an event or a time of one"),
        ({"html": "{{ none if event else 1 }}"}, "mail/note/body.mjml:3: this would write 'None'"),
        ({"html": "{{ 1 / 0 }}"}, "mail/note/body.mjml:3: division by zero"),
        ({"html": '{% include "_house/nothing.mjml" %}'}, "mail/note/body.mjml:3: there is no template _house/nothing"),
        ({"subject": " \n"}, "mail/note/subject.txt: the subject is empty"),
        ({"mjml": "<p>Hello</p>"}, "mail/note/body.mjml: "),
    ],
)
def test_a_wrong_template_is_refused_with_its_place(compile_note: Compile, files: dict[str, str], message: str) -> None:
    with pytest.raises(content.ContentError) as error:
        compile_note(**files)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_a_kind_without_a_template_is_named_with_the_nearest(facts: content.Facts, envelope: content.Envelope) -> None:
    with pytest.raises(content.ContentError, match="no template for invitaton; did you mean invitation"):
        content.compile("invitaton", facts, content.Facets(), envelope=envelope)


def test_a_missing_file_is_named(write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope) -> None:
    templates = write()
    (templates / "mail" / "note" / "body.txt").unlink()
    with pytest.raises(content.ContentError, match=r"note needs a file body\.txt"):
        content.compile("note", facts, content.Facets(), envelope=envelope, templates=templates)


def test_a_file_in_another_encoding_is_refused(
    write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope
) -> None:
    templates = write()
    (templates / "mail" / "note" / "body.txt").write_bytes("Grüße".encode("latin-1"))
    with pytest.raises(content.ContentError, match=r"body\.txt: is not in UTF-8"):
        content.compile("note", facts, content.Facets(), envelope=envelope, templates=templates)


def test_staffs_own_template_goes_before_ours(
    write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope
) -> None:
    templates = write()
    (templates / "mail" / "note").rename(templates / "mail" / "invitation")
    own = content.compile("invitation", facts, content.Facets(), envelope=envelope, templates=templates)
    assert own.subject(samples.VALUES) == "A note"
    ours = content.compile("reminder", facts, content.Facets(), envelope=envelope, templates=templates)
    assert ours.subject(samples.VALUES).startswith("Reminder: ")


@pytest.mark.parametrize("part", ["text", "html"])
def test_a_mail_to_many_without_a_way_out_is_refused(
    write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope, part: str
) -> None:
    templates = write()
    file = templates / "mail" / "note" / {"text": "body.txt", "html": "body.mjml"}[part]
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace("{{ links.unsubscribe }}", "#"), encoding="utf-8")
    with pytest.raises(content.ContentError, match=f"{file.name}: a mail to many needs a link out of it"):
        content.compile("note", facts, content.Facets(), envelope=envelope, templates=templates)
    file.write_text(whole.replace("{{ constellation.postal_address }}", "Here"), encoding="utf-8")
    with pytest.raises(content.ContentError, match=f"{file.name}: a mail to many states the postal address"):
        content.compile("note", facts, content.Facets(), envelope=envelope, templates=templates)


def test_facts_are_escaped_in_html_and_plain_in_text(
    write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope
) -> None:
    assert facts.event is not None
    odd = replace(facts, event=replace(facts.event, title='<b>Fish & "chips"</b>'))
    templates = write(html='{{ event.title }} <i title="{{ event.title }}">x</i>', text="{{ event.title }}")
    skeleton = content.compile("note", odd, content.Facets(), envelope=envelope, templates=templates)
    assert '&lt;b&gt;Fish &amp; "chips"&lt;/b&gt;' in skeleton.html(samples.VALUES)
    assert 'title="<b>Fish &amp; &quot;chips&quot;</b>"' in skeleton.html(samples.VALUES)
    assert skeleton.text(samples.VALUES).startswith('<b>Fish & "chips"</b>\n')


@pytest.mark.parametrize("title", ["नेहा की कक्षा", "שָׁלוֹם", "👩🏽‍🏫 at\u00a0work", "C:\\temp\\u{5b8}", "e\u0301tude"])
def test_facts_in_any_script_reach_attributes_unspoiled(
    write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope, title: str
) -> None:
    assert facts.event is not None
    odd = replace(facts, event=replace(facts.event, title=title))
    templates = write(html='<img alt="{{ event.title }}" src="https://x.example/y.png">{{ event.title }}')
    html = content.compile("note", odd, content.Facets(), envelope=envelope, templates=templates).html(samples.VALUES)
    shown = title.replace("\xa0", "&nbsp;")
    assert f'alt="{shown}"' in html
    assert html.count(shown) == 2
    house = content.compile("invitation", odd, content.Facets(), envelope=envelope).html(samples.VALUES)
    assert f'aria-label="{shown}"' in house
    assert f"<title>{shown}</title>" in house


def test_facts_survive_json(facts: content.Facts) -> None:
    import json

    for one in [facts, *samples.facts("changed"), *samples.facts("welcome")]:
        assert content.Facts.from_document(json.loads(json.dumps(one.to_document()))) == one
