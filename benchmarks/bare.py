"""The yardstick of the pages: uvicorn and Starlette with one route that reads a form and answers a word."""

import socket

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def answer(request: Request) -> PlainTextResponse:
    """Read the form, answer a word."""
    async with request.form() as form:
        return PlainTextResponse(str(len(form)))


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"Serving http://127.0.0.1:{listener.getsockname()[1]}, bare.")
        app = Starlette(routes=[Route("/{token}", answer, methods=["POST"])])
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        uvicorn.Server(config).run(sockets=[listener])
