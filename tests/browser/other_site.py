"""Somebody else's site, on an origin of its own, that shows our form."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class School:
    """A site of somebody else's: one page, and the policy that it is served with."""

    url: str
    policy: str = ""
    body: str = ""

    def shows(self, body: str, *, policy: str) -> None:
        self.body, self.policy = body, policy


@pytest.fixture
def school() -> Iterator[School]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = f'<!doctype html><html lang="en"><title>School</title><main><h1>School</h1>{site.body}</main></html>'
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", site.policy)
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site = School(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield site
        server.shutdown()
        thread.join()


def strict(url: str) -> str:
    """A policy that allows our script and what it asks for, and nothing else: no inline style, no string made code."""
    return (
        f"default-src 'none'; script-src {url}; connect-src {url}; base-uri 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def snippet(url: str, lang: str = "") -> str:
    attribute = f' data-lang="{lang}"' if lang else ""
    return f'<a href="{url}/join">Join by mail</a><script src="{url}/form.js"{attribute} async></script>'
