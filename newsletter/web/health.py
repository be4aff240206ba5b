"""What a monitor asks: whether the database answers, is at this program's schema, and the engine is at work."""

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from newsletter import database
from newsletter.web.site import Site


async def show(site: Site, request: Request) -> Response:
    """200 when all is well, else 503; each part by its own word."""
    parts = {"database": "ok", "schema": "ok", "engine": _engine(request)}
    try:
        async with site.database.read() as connection:
            found = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        if found != database.head():
            parts["schema"] = "behind"
    except (DBAPIError, OSError, TimeoutError):
        parts |= {"database": "unreachable", "schema": "unknown"}
    is_well = parts["database"] == parts["schema"] == "ok" and parts["engine"] != "stopped"
    return JSONResponse({"status": "ok" if is_well else "failing", **parts}, 200 if is_well else 503)


def _engine(request: Request) -> str:
    place = request.state.engine
    return "elsewhere" if place is None else str(place.word)
