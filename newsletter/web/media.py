"""The pictures that mails link to."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from newsletter.campaigns import media
from newsletter.web.site import Site

_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",  # the name is the content's hash
    "Cross-Origin-Resource-Policy": "cross-origin",  # mail programs in the browser show them on pages of their own
}


async def show(site: Site, request: Request) -> Response:
    """A picture, for good."""
    async with site.database.read() as connection:
        found = await media.find(connection, request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    media_type, content = found
    return Response(content, headers=_HEADERS, media_type=media_type)
