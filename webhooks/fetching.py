"""Fetches what a provider's protocol makes us fetch, from one host known beforehand, with limits."""

import httpx2

from webhooks.errors import Unavailable

MOST_BYTES = 64 * 1024
TIMEOUT = 5.0
"""Seconds for each step of a fetch."""


def get(url: str, *, transport: httpx2.BaseTransport | None = None) -> bytes:
    """The body at this URL, which the caller has checked. Follows no redirect. Raises Unavailable."""
    try:
        with (
            httpx2.Client(timeout=TIMEOUT, follow_redirects=False, trust_env=False, transport=transport) as client,
            client.stream("GET", url) as response,
        ):
            if response.status_code != 200:
                raise Unavailable(f"{response.url.host} answered {response.status_code}")
            body = b""
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise Unavailable(f"{response.url.host} answered with more than {MOST_BYTES} bytes")
            return body
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise Unavailable(f"a signature's certificate could not be fetched: {type(error).__name__}") from error
