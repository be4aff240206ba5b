"""A slot is written as it is, or the template is refused with file, line and column."""

from collections.abc import Callable

import pytest

from newsletter import content
from newsletter.content import samples

Compile = Callable[..., content.Skeleton]


@pytest.mark.parametrize(
    "template",
    [
        "{% if person.first_name %}Hello{% endif %}",
        "{% if not person.first_name %}Hello{% endif %}",
        "{{ 'Hello' if person.first_name else 'Hi' }}",
        "{{ person.first_name or 'friend' }}",
        "{% if person.first_name == 'Zoe' %}x{% endif %}",
        "{% if 'Z' in person.first_name %}x{% endif %}",
        "{% for letter in person.first_name %}x{% endfor %}",
        "{{ person.first_name|upper }}",
        "{{ person.first_name|default('friend') }}",
        "{{ person.first_name|length }}",
        "{{ person.first_name|safe }}",
        "{{ person.first_name|e }}",
        "{{ [person.first_name, 'x']|join(', ') }}",
        "{{ 'Hello ' ~ person.first_name }}",
        "{{ 'Hello ' + person.first_name }}",
        "{{ 'Hello %s' % person.first_name }}",
        "{{ 'Hello {}'.format(person.first_name) }}",
        "{{ person.first_name[0] }}",
        "{{ person.first_name.upper() }}",
        "{{ person.first_name is none }}",
        "{% set name = person.first_name %}{% if name %}x{% endif %}",
        "{% macro greet(name) %}{{ name|title }}{% endmacro %}{{ greet(person.first_name) }}",
        "{{ links.unsubscribe|replace('https', 'http') }}",
    ],
)
@pytest.mark.parametrize("part", ["html", "text"])
def test_a_template_that_looks_into_a_slot_is_refused_with_its_place(
    compile_note: Compile, part: str, template: str
) -> None:
    with pytest.raises(content.ContentError) as error:
        compile_note(**{part: template})
    column = max(template.find("person."), template.find("links.")) + 1
    place = {"html": f"mail/note/body.mjml:3:{column + 9}: ", "text": f"mail/note/body.txt:1:{column}: "}[part]
    assert str(error.value).startswith(place)
    assert " is each reader's own" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_block_with_a_slot_that_a_filter_changed_is_refused(compile_note: Compile) -> None:
    with pytest.raises(content.ContentError, match="changed by a filter"):
        compile_note(html="{% set x %}Hi {{ person.first_name }}{% endset %}{{ x|upper }}")


@pytest.mark.parametrize(
    ("html", "where"),
    [
        ('<a href="https://x.example/?name={{ person.first_name }}">x</a>', "in href"),
        ('<a href="{{ person.address }}">x</a>', "in href"),
        ('<a href="mailto:{{ person.address }}">x</a>', "in href"),
        ('<a href="javascript:{{ links.preferences }}">x</a>', "in href"),
        ('<img alt="" src="{{ person.last_name }}">', "in src"),
        ('<p style="color: {{ person.first_name }}">x</p>', "in the attribute style"),
        ('<p onclick="{{ person.first_name }}">x</p>', "in the attribute onclick"),
        ("<!-- {{ person.first_name }} -->", "inside a comment"),
        ("<script>{{ person.first_name }}</script>", "inside <script>"),
        ("<style>@media all { p { color: {{ person.first_name }} } }</style>", "inside <style>"),
        ('<p {{ person.first_name }}="x">x</p>', "inside a tag"),
    ],
)
def test_a_slot_where_it_cannot_be_escaped_is_refused_with_its_place(
    compile_note: Compile, html: str, where: str
) -> None:
    with pytest.raises(content.ContentError) as error:
        compile_note(html=html)
    column = max(html.find("person."), html.find("links.")) + 10
    assert str(error.value).startswith(f"mail/note/body.mjml:3:{column}: ")
    assert f"cannot be escaped {where}" in str(error.value)


def test_a_slot_is_escaped_for_where_it_stands(compile_note: Compile) -> None:
    skeleton = compile_note(
        html='<b title="{{ person.last_name }}">{{ person.last_name }}</b>',
        text="{{ person.last_name }}",
        subject="{{ person.last_name }}",
    )
    values = {**samples.VALUES, "last_name": '<O\'Neil & "Sons">'}
    escaped = "&lt;O&#39;Neil &amp; &quot;Sons&quot;&gt;"
    assert f'title="{escaped}">{escaped}</b>' in skeleton.html(values)
    assert skeleton.text(values).startswith('<O\'Neil & "Sons">\n')
    assert skeleton.subject(values) == '<O\'Neil & "Sons">'


def test_a_slot_may_be_handed_to_a_macro_and_written_in_a_loop(compile_note: Compile) -> None:
    skeleton = compile_note(
        html="{% macro twice(what) %}{% for _ in range(2) %}[{{ what }}]{% endfor %}{% endmacro %}"
        "{{ twice(person.first_name) }}"
    )
    assert "[Zoë][Zoë]" in skeleton.html(samples.VALUES)


def test_a_template_may_ask_whether_there_is_a_name(compile_note: Compile) -> None:
    text = "{% if person.named %}Hello {{ person.first_name }},{% else %}Hello,{% endif %}\n"
    named = compile_note(text=text, facets=content.Facets(named=True))
    nameless = compile_note(text=text, facets=content.Facets(named=False))
    assert named.text(samples.VALUES).startswith("Hello Zoë,\n\n")
    assert nameless.text(samples.VALUES).startswith("Hello,\n\n")
