"""What is wrong with a template is one line with its place."""

import codecs
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter import content
from newsletter.content import logic, renderer, samples

Compile = Callable[..., content.Skeleton]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"html": "{{ event.titel }}"}, "body.mjml:3:13: event.titel is undefined; did you mean title?"),
        ({"html": "{{ constelation.name }}"}, "body.mjml:3:13: constelation is undefined; did you mean constellation?"),
        ({"text": "\n\n{{ evnt }}"}, "body.txt:3:4: evnt is undefined; did you mean event?"),
        ({"subject": "At {{ persn.named }}"}, "subject.txt:1:7: persn is undefined; did you mean person?"),
        ({"html": "{% if not event %}{{ evnt }}{% endif %}"}, "body.mjml:3:31: evnt is undefined; did you mean event?"),
        (
            {"text": "{% for x in upcoming %}{{ x.titel }}{% endfor %}"},
            "body.txt:1:29: titel is undefined; did you mean",
        ),
        ({"html": "{% if event %}"}, "body.mjml:3:10: {% if %} is never closed in this file"),
        ({"text": "{% endif %}"}, "body.txt:1:1: {% endif %} closes what this file did not open"),
        (
            {"text": "{% for x in y %}{% if x %}{% endfor %}"},
            "body.txt:1:17: {% if %} is not closed before {% endfor %}",
        ),
        ({"text": "{% fro event %}"}, "body.txt:1:1: there is no {% fro %}; did you mean from?"),
        ({"text": "{% else %}"}, "body.txt:1:1: {% else %} belongs in {% for %} or {% if %}"),
        ({"text": "At {{ event.title }"}, "body.txt:1:"),
        ({"html": "{{ event.title|uper }}"}, "body.mjml:3:25: there is no filter uper; did you mean upper?"),
        ({"html": "{{ event is defind }}"}, "body.mjml:3:22: there is no test defind; did you mean defined?"),
        ({"html": "{{ event.title|day }}"}, "body.mjml:3:10: |day is for an event or a time of one"),
        ({"html": "{{ none if event else 1 }}"}, "body.mjml:3:10: this would write 'None'"),
        ({"html": "{{ 1 / 0 }}"}, "body.mjml:3:10: division by zero"),
        ({"html": '{% include "_house/nothing.mjml" %}'}, "body.mjml:3:10: there is no template _house/nothing"),
        ({"subject": " \n"}, "subject.txt: the subject is empty"),
        ({"mjml": "<p>Hello</p>"}, "body.mjml: "),
    ],
)
def test_a_wrong_template_is_refused_with_its_place(compile_note: Compile, files: dict[str, str], message: str) -> None:
    with pytest.raises(content.ContentError) as error:
        compile_note(**files)
    assert str(error.value).startswith(f"mail/note/{message}")
    assert "\n" not in str(error.value)


def test_a_slot_in_a_branch_that_nothing_reaches_is_still_refused(compile_note: Compile) -> None:
    with pytest.raises(
        content.ContentError, match=r"^mail/note/body\.txt:1:29: person\.first_name is each reader's own"
    ):
        compile_note(text="{% if not event %}{{ 'a' if person.first_name else 'b' }}{% endif %}")


def test_every_name_that_is_checked_is_one_that_templates_are_given(
    facts: content.Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, object] = {}

    def rendered(kind: str, file: str, context: dict[str, object], templates: Path | None) -> str:
        given.update(context)
        return "<mjml><mj-body></mj-body></mjml>"

    monkeypatch.setattr(renderer, "_rendered", rendered)
    renderer.render("invitation", facts, content.Facets(), slot=str)
    assert set(given) == set(logic.NAMES)
    for name, members in logic.NAMES.items():
        if members and given[name] is not None:
            assert [one for one in members if not hasattr(given[name], one)] == []


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


def test_the_byte_order_mark_that_some_editors_begin_with_is_no_text(
    write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope
) -> None:
    templates = write()
    plain = content.compile("note", facts, content.Facets(), envelope=envelope, templates=templates)
    for file in (templates / "mail" / "note").iterdir():
        file.write_bytes(codecs.BOM_UTF8 + file.read_bytes())
    marked = content.compile("note", facts, content.Facets(), envelope=envelope, templates=templates)
    assert marked.subject(samples.VALUES) == plain.subject(samples.VALUES) == "A note"
    assert marked.text(samples.VALUES) == plain.text(samples.VALUES)


def test_staffs_own_template_goes_before_ours(
    write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope
) -> None:
    templates = write()
    (templates / "mail" / "note").rename(templates / "mail" / "invitation")
    own = content.compile("invitation", facts, content.Facets(), envelope=envelope, templates=templates)
    assert own.subject(samples.VALUES) == "A note"
    ours = content.compile("reminder", facts, content.Facets(), envelope=envelope, templates=templates)
    assert ours.subject(samples.VALUES).startswith("Reminder, ")


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


def test_a_template_of_ones_own_may_lead_to_what_is_there_for_everybody(compile_note, values) -> None:
    html = '<a href="{{ links.calendar }}">a</a> <a href="{{ links.events }}">b</a> {% if not is_public %}c{% endif %}'
    made = compile_note(html=html, text="{% if links.archive %}{{ links.archive }}{% endif %}").html(values)
    assert "https://news.example.org/events/lanterns.ics" in made
    assert "https://news.example.org/events" in made
