"""Where providers post what became of our mails: stored before it is acknowledged, applied afterwards by the engine."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from newsletter import feedback
from newsletter.settings import Webhooks
from newsletter.web.site import Site
from webhooks import endpoint, providers
from webhooks.errors import WebhookError
from webhooks.events import Event
from webhooks.providers import Provider


async def receive(site: Site, request: Request) -> Response:
    """Take a report. The status says what a provider should do: 2xx is stored for good, 4xx not to be sent again."""
    body = await request.body()
    now = site.clock()
    try:
        provider = providers.build(request.path_params["provider"], keys(site.settings.webhooks))
        if provider.blocking:
            events, answer = await asyncio.to_thread(_read, provider, request.headers, body, now)
        else:
            events, answer = _read(provider, request.headers, body, now)
    except WebhookError as error:
        return JSONResponse({"error": str(error)}, error.status)
    async with site.database.begin() as connection:
        await feedback.store(connection, events, now)
    return Response(answer, media_type="application/json" if answer else None)


def keys(settings: Webhooks) -> dict[str, Any]:
    """The settings as the providers take them, secrets in clear."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    return {name: v.get_secret_value() if isinstance(v, SecretStr) else v for name, v in values.items()}


def _read(provider: Provider, headers: Mapping[str, str], body: bytes, now: datetime) -> tuple[list[Event], bytes]:
    return endpoint.receive(provider, headers, body, now=now), endpoint.answer(provider, body)
