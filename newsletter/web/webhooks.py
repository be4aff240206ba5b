"""Where providers post what became of our mails: stored before it is acknowledged, applied afterwards by the engine."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from newsletter import feedback
from newsletter.feedback import kept
from newsletter.setting_tables import Webhooks
from newsletter.web.site import Site
from webhooks import endpoint, providers, rehearsals
from webhooks.errors import MalformedReport, UnknownProvider, WebhookError
from webhooks.events import Event
from webhooks.providers import Asking, Provider

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


def open_all(settings: Webhooks) -> dict[str, Provider]:
    """Every provider by its name, made once: what one has fetched to verify by, it keeps."""
    values = settings.in_clear()
    return {name: providers.build(name, values) for name in providers.PROVIDERS}


async def receive(site: Site, request: Request) -> Response:
    """Take a report. The status says what a provider should do: 2xx is stored for good, 4xx not to be sent again.

    What is refused stands in the log: some providers stop sending then, and tell nobody. What is truly theirs and
    cannot be read is kept for people: it may not come again.

    A challenge is echoed and a subscription confirmed only once the events are stored.
    """
    try:
        body = await request.body()
    except HTTPException as error:  # more than is read of any
        if request.path_params["provider"] in site.providers:
            _log_refusal(request, error.status_code, "the body is longer than we take")
        raise
    now = site.clock()
    try:
        provider = _provider(site, request)
        events = await _read(site, provider, request.headers, body, now)
        async with site.database.begin() as connection:
            await feedback.store(connection, events, now)
        answer = await _work(provider, endpoint.answer, provider, body)
    except WebhookError as error:
        if not isinstance(error, UnknownProvider):  # who looks for holes asks for any name
            _log_refusal(request, error.status, str(error))
        return JSONResponse({"error": str(error)}, error.status)
    return Response(answer, media_type="application/json" if answer else None)


def _log_refusal(request: Request, status: int, reason: str) -> None:
    name = request.path_params["provider"]
    log.warning("report refused", provider=name, status=status, reason=" ".join(reason.split())[:300])


async def _read(site: Site, provider: Provider, headers: Mapping[str, str], body: bytes, now: datetime) -> list[Event]:
    if rehearsals.HEADER in headers:
        return site.rehearsals.receive(provider, headers, body, now=now)
    try:
        return await _work(provider, endpoint.receive, provider, headers, body, now=now)
    except MalformedReport as error:
        if await _work(provider, endpoint.is_authentic, provider, headers, body, now=now):
            async with site.database.begin() as connection:
                await kept.keep_report(connection, provider.name, body, str(error), now)
        raise


async def probe(site: Site, request: Request) -> Response:
    """Answer HEAD, by which Mandrill asks whether anybody listens before it saves a webhook."""
    try:
        _provider(site, request)
    except UnknownProvider as error:
        raise HTTPException(404) from error
    return Response()


async def ask(site: Site, request: Request) -> Response:
    """Answer OPTIONS, by which Azure asks whether its events are wanted, and at what rate; nobody else is told."""
    origin = request.headers.get("WebHook-Request-Origin", "")
    provider = site.providers.get(request.path_params["provider"])
    if not (isinstance(provider, Asking) and provider.wants(origin)):
        raise HTTPException(405, headers={"Allow": "HEAD, POST"})
    return Response(headers={"Allow": "POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})


def _provider(site: Site, request: Request) -> Provider:
    name = request.path_params["provider"]
    if name not in site.providers:
        raise providers.unknown(name)
    return site.providers[name]


async def _work(provider: Provider, step: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Do a step, in a thread where it may ask the network."""
    if provider.blocking:
        return await asyncio.to_thread(step, *arguments, **named)
    return step(*arguments, **named)
