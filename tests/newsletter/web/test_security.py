"""What holds on every page: headers, limits, whose address is believed, and no trace of our insides."""

import re
from contextlib import suppress

import httpx2
import psycopg
import pytest
from sqlalchemy import text as sql
from sqlalchemy.exc import OperationalError

from newsletter.database import Database


@pytest.mark.parametrize("path", ["/join", "/join/sent", "/health", "/style.css", "/nothing", "/confirm/x"])
async def test_every_answer_carries_the_headers(client, path: str) -> None:
    headers = (await client.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["strict-transport-security"].startswith("max-age=")
    assert "set-cookie" not in headers


async def test_https_is_not_demanded_of_a_site_without_it(serve, settings, loaded) -> None:
    client = await serve(settings.model_copy(update={"public_url": "http://127.0.0.1:8025"}))
    assert "strict-transport-security" not in (await client.get("/join")).headers


async def test_the_form_alone_runs_a_script_and_only_ours(client, member) -> None:
    ana = await member()
    form = await client.get("/join")
    assert re.findall(r"<script[^>]*>", form.text) == ['<script src="/zone.js" type="module">']
    assert "script-src 'self'" in form.headers["content-security-policy"].split("; ")
    script = await client.get("/zone.js")
    assert script.headers["content-type"].startswith("text/javascript")
    for path in (f"/preferences/{ana.preferences}", "/join/sent", "/nothing"):
        assert "script-src" not in (await client.get(path)).headers["content-security-policy"]


async def test_other_pages_carry_no_script_and_none_an_inline_style_or_anything_of_other_sites(client, member) -> None:
    ana = await member()
    assert "style=" not in (await client.get("/join")).text
    for path in (f"/preferences/{ana.preferences}", f"/unsubscribe/{ana.unsubscribe}", "/nothing"):
        page = (await client.get(path)).text
        assert "<script" not in page
        assert "style=" not in page
        assert "src=" not in page


async def test_pages_are_never_kept_but_the_stylesheet_of_this_version_is_for_good(client) -> None:
    page = await client.get("/join")
    assert page.headers["cache-control"] == "no-store"
    href = page.text.partition('stylesheet" href="')[2].partition('"')[0]
    style = await client.get(href)
    assert "immutable" in style.headers["cache-control"]
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert (await client.get("/style.css?v=old")).headers["cache-control"] == "no-cache"


async def test_pages_of_a_person_are_not_for_search_engines_and_the_form_is(client, member) -> None:
    ana = await member()
    assert "noindex" in (await client.get(f"/preferences/{ana.preferences}")).text
    assert "noindex" not in (await client.get("/join")).text


@pytest.mark.parametrize("path", ["/join", "/one-click/x", "/preferences/x"])
async def test_a_body_of_more_than_64_kilobytes_is_413(client, member, path: str) -> None:
    ana = await member()
    path = path.replace("/one-click/x", f"/one-click/{ana.unsubscribe}").replace("s/x", f"s/{ana.preferences}")
    response = await client.post(path, data={"email": "a" * 65 * 1024})
    assert response.status_code == 413


async def test_a_body_that_announces_too_much_is_413_before_it_is_read(client) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "70000"}
    response = await client.post("/join", content=b"email=ana@example.org", headers=headers)
    assert response.status_code == 413


async def test_a_body_that_hides_its_length_is_413_as_it_grows(client, desk) -> None:
    async def endless():
        for _ in range(100):
            yield b"email=" + b"a" * 1024

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post("/join", content=endless(), headers=headers)).status_code == 413
    assert await desk.mails() == []


@pytest.mark.parametrize("body", [b"--x\r\nbroken", b"", b"--y\r\n\r\n"])
async def test_a_broken_multipart_body_is_answered_and_joins_nobody(client, desk, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await client.post("/join", content=body, headers=headers)).status_code in (400, 422)
    assert (
        await client.post("/join", content=body, headers={"Content-Type": "multipart/form-data"})
    ).status_code == 400
    assert await desk.mails() == []


async def test_more_fields_than_any_form_has_are_refused(client) -> None:
    body = "&".join(f"a{n}=1" for n in range(1000))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await client.post("/join", content=body, headers=headers)).status_code == 400


async def ip_of(client, desk, forwarded: str | None) -> str:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    await client.post("/join", data={"email": "ana@example.org"}, headers=headers)
    person = await desk.person("ana@example.org")
    return (await desk.evidence(person.subscriber_id))[-1].ip


async def test_a_visitor_cannot_choose_the_address_they_are_seen_at(client, desk) -> None:
    assert await ip_of(client, desk, "203.0.113.9") == "192.0.2.1"


@pytest.mark.parametrize(
    ("forwarded", "seen"),
    [
        (None, "192.0.2.1"),
        ("203.0.113.9", "203.0.113.9"),
        ("198.51.100.7, 203.0.113.9", "203.0.113.9"),  # the first is what the visitor wrote
        ("203.0.113.9, 10.1.2.3", "203.0.113.9"),  # through two proxies of ours
        ("10.9.9.9, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("<script>", "192.0.2.1"),
        ("203.0.113.9, unknown", "192.0.2.1"),
        ("", "192.0.2.1"),
    ],
)
async def test_behind_a_configured_proxy_the_visitor_is_whom_the_proxy_names(
    serve, settings, loaded, desk, forwarded: str | None, seen: str
) -> None:
    web = settings.web.model_copy(update={"trusted_proxies": ("192.0.2.0/24", "10.0.0.0/8")})
    client = await serve(settings.model_copy(update={"web": web}))
    assert await ip_of(client, desk, forwarded) == seen


async def test_a_page_that_is_not_there_is_404_in_the_sites_own_style(client, text) -> None:
    response = await client.get("/nothing")
    assert response.status_code == 404
    assert "There is no page here" in text(response)
    assert "Lanterns & Lamps" in text(response)


async def test_an_address_we_do_not_have_redirects_nowhere(client) -> None:
    for path in ("/join/", "/join/sent/"):
        assert (await client.get(path, headers={"Host": "evil.example"})).status_code == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_is_405_and_told_which_there_are(client, method: str) -> None:
    response = await client.request(method, "/confirm/cut-off")
    assert response.status_code == 405
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


async def test_a_mistake_of_ours_shows_a_page_and_nothing_of_our_insides(
    serve, settings, loaded, database, text
) -> None:
    client = await serve(settings, raising=False)
    await client.get("/join")
    async with database.begin() as connection:
        await connection.execute(sql("ALTER TABLE request_count RENAME TO request_tally"))
    response = await client.post("/join", data={"email": "ana@example.org"})
    assert response.status_code == 500
    assert "It is not your doing" in text(response)
    assert "Traceback" not in response.text
    assert "request_" not in response.text
    script = await client.post("/join", json={"email": "ana@example.org"})
    assert (script.status_code, list(script.json())) == (500, ["error"])


async def test_while_the_database_takes_nothing_whoever_asks_is_told_to_come_again(
    serve, settings, loaded, database, text
) -> None:
    joining = settings.joining.model_copy(update={"most_an_hour_from_network": 1000})
    client = await serve(settings.model_copy(update={"joining": joining}), raising=False)
    await client.get("/join")
    await take_nothing_more(database)

    async def refused(how: str) -> httpx2.Response:
        for number in range(100):  # what the file has room for still goes in
            answer = await client.post("/join", **{how: {"email": f"ana{number}@example.org"}})
            if not answer.is_success and not answer.is_redirect:
                break
        return answer

    page, script = await refused("data"), await refused("json")
    assert (page.status_code, page.headers["retry-after"]) == (503, "60")
    assert "Nothing was lost; please try again in a few minutes." in text(page)
    assert (script.status_code, script.headers["retry-after"], list(script.json())) == (503, "60", ["error"])


async def take_nothing_more(database: Database) -> None:
    """The disk of SQLite is full; PostgreSQL lets nobody in."""
    if database.is_sqlite:
        async with database.begin() as connection:
            await connection.execute(sql("CREATE TABLE ballast (weight BLOB)"))
        for begin in (database.begin, database.briefly):
            async with begin() as connection:
                await connection.execute(sql("PRAGMA max_page_count = 1"))
            with suppress(OperationalError):
                while True:
                    async with begin() as connection:
                        await connection.execute(sql("INSERT INTO ballast VALUES (zeroblob(4000))"))
        return
    url = database.url.set(database="postgres").render_as_string(hide_password=False)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as server:
        name = str(database.url.database)
        await server.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        await server.execute("SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = %s", [name])


async def test_below_a_path_of_its_own_every_link_carries_it(serve, settings, loaded) -> None:
    client = await serve(settings.model_copy(update={"public_url": "https://example.org/news"}))
    page = (await client.get("/join")).text
    assert 'action="/news/join"' in page
    assert 'href="/news/style.css' in page
    assert (await client.post("/join", data={"email": "a@example.org"})).headers["location"] == "/news/join/sent"
