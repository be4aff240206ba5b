"""Pages of the staff's own go before ours, within a second; and a mistake in one keeps nobody out."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from structlog.testing import capture_logs

from newsletter.constellation.model import Constellation
from newsletter.settings import Settings

PAGE = '{%% extends "base.html" %%}{%% block title %%}Ours{%% endblock %%}{%% block main %%}%s{%% endblock %%}'
SOON = timedelta(seconds=1)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """The folder of the staff's pages."""
    folder = tmp_path / "templates" / "pages"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
async def visitor(serve: Any, settings: Settings, loaded: Constellation, pages: Path) -> httpx2.AsyncClient:
    client: httpx2.AsyncClient = await serve(settings.model_copy(update={"templates": pages.parent}))
    return client


async def test_a_page_of_ones_own_is_shown_a_second_after_it_is_written_until_it_is_taken_away(
    visitor: httpx2.AsyncClient, pages: Path, clock: Any
) -> None:
    ours = await visitor.get("/link")
    own = pages / "link.html"
    own.write_text(PAGE % "<h1>Where did I put it?</h1>{{ look.name }}")
    assert (await visitor.get("/link")).text == ours.text
    clock.forward(SOON)
    page = await visitor.get("/link")
    assert "<h1>Where did I put it?</h1>Lanterns &amp; Lamps" in page.text
    assert 'class="sky"' in page.text  # the house around it
    own.unlink()
    clock.forward(SOON)
    assert (await visitor.get("/link")).text == ours.text


async def test_pages_and_styles_may_begin_with_a_byte_order_mark(
    serve: Any, settings: Settings, loaded: Constellation, pages: Path
) -> None:
    (pages / "link.html").write_text(PAGE % "<h1>Mine</h1>", encoding="utf-8-sig")
    (pages / "style.css").write_text("h1 { color: teal }", encoding="utf-8-sig")
    visitor = await serve(settings.model_copy(update={"templates": pages.parent}))
    assert (await visitor.get("/link")).text.startswith("<!doctype html>")
    style = (await visitor.get("/style.css")).text
    assert "h1 { color: teal }" in style
    assert "\ufeff" not in style


@pytest.mark.parametrize(
    ("written", "reason", "line"),
    [
        ((PAGE % "\n{% if %}").encode(), "TemplateSyntaxError: Expected an expression", 2),
        ((PAGE % "\n\n{{ nobody }}").encode(), "UndefinedError: 'nobody' is undefined", 3),
        ((PAGE % "{{ 1 / 0 }}").encode(), "ZeroDivisionError: division by zero", 1),
        (b"caf\xe9", "UnicodeDecodeError", 0),
    ],
)
async def test_a_page_with_a_mistake_in_it_is_said_in_the_log_and_ours_is_shown(
    visitor: httpx2.AsyncClient, pages: Path, clock: Any, written: bytes, reason: str, line: int
) -> None:
    ours = await visitor.get("/link")
    own = pages / "link.html"
    own.write_bytes(written)
    clock.forward(SOON)
    with capture_logs() as lines:
        page = await visitor.get("/link")
    assert (page.status_code, page.text) == (200, ours.text)
    (said,) = lines
    assert (said["page"], said["log_level"]) == ("link.html", "error")
    assert said["reason"].startswith(reason)
    assert said["at"] == (f"{own}:{line}" if line else "")


async def test_a_mistake_around_all_pages_keeps_nobody_out_either(visitor: httpx2.AsyncClient, pages: Path) -> None:
    (pages / "base.html").write_text("{{ nobody }}{% block main %}{% endblock %}")
    assert (await visitor.get("/join")).status_code == 200
    assert (await visitor.get("/nowhere")).status_code == 404


async def test_a_style_of_ones_own_comes_after_ours(
    serve: Any, settings: Settings, loaded: Constellation, pages: Path, client: httpx2.AsyncClient
) -> None:
    (pages / "style.css").write_text("h1 { font-family: serif; }\n")
    visitor = await serve(settings.model_copy(update={"templates": pages.parent}))
    ours, both = (await client.get("/style.css")).text, (await visitor.get("/style.css")).text
    assert both.startswith(ours)
    assert both.endswith("h1 { font-family: serif; }\n")
