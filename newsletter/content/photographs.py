"""Pictures of HTML as a browser shows it: headless Chromium, spoken to by its DevTools protocol.

One browser takes all pictures of a gallery. It resolves no name, so nothing is fetched from anywhere.
"""

import asyncio
import base64
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from newsletter.content.errors import ContentError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
"""What the browser's command is called on one system and another."""

_ARGUMENTS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-port=0",
)
_PATIENCE_SECONDS = 30.0
_LARGEST = 64 * 1024 * 1024


class Camera:
    """A browser with one empty page, ready to show and to photograph."""

    def __init__(self, socket: ClientConnection, session: str, frame: str) -> None:
        self._socket, self._session, self._frame = socket, session, frame

    async def take(self, html: str, *, width: int, dark: bool) -> bytes:
        """A PNG of the whole page at a width in CSS pixels."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self._ask("Emulation.setEmulatedMedia", features=[scheme])
        await self._size(width, 640)
        await self._ask("Page.setDocumentContent", frameId=self._frame, html=html)
        measured = await self._ask("Page.getLayoutMetrics")
        height = int(measured["cssContentSize"]["height"])
        await self._size(width, height)
        taken = await self._ask("Page.captureScreenshot", format="png")
        return base64.b64decode(taken["data"])

    async def _size(self, width: int, height: int) -> None:
        sizes = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self._ask("Emulation.setDeviceMetricsOverride", **sizes)

    async def _ask(self, method: str, **parameters: Any) -> Any:
        return await _ask(self._socket, method, session=self._session, **parameters)


@asynccontextmanager
async def camera() -> AsyncIterator[Camera]:
    """Start the browser, and end it. Raises ContentError where there is none, or it does not work."""
    command = next((found for name in NAMES if (found := shutil.which(name))), None)
    if command is None:
        raise ContentError("pictures are taken by Chromium, and none is installed here; `apt install chromium` has it")
    with tempfile.TemporaryDirectory(prefix="newsletter-", ignore_cleanup_errors=True) as profile:
        arguments = [*_ARGUMENTS, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        process = await asyncio.create_subprocess_exec(
            command, *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                address = await _address(process)
            async with connect(address, max_size=_LARGEST, proxy=None) as socket:
                yield await _opened(socket)
        except (TimeoutError, WebSocketException, OSError) as error:
            raise ContentError(f"{command} does not take pictures: {str(error) or 'no answer'}") from error
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None  # noqa: S101 # it is piped
    said = []
    async for line in process.stderr:
        said.append(line.decode(errors="replace").strip())
        found = re.search(r"DevTools listening on (ws://\S+)", said[-1])
        if found:
            return found[1]
    raise OSError(said[-1] if said else "it ended at once")


async def _opened(socket: ClientConnection) -> Camera:
    target = (await _ask(socket, "Target.createTarget", url="about:blank"))["targetId"]
    session = (await _ask(socket, "Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
    tree = await _ask(socket, "Page.getFrameTree", session=session)
    return Camera(socket, session, tree["frameTree"]["frame"]["id"])


_numbers = count(1)


async def _ask(socket: ClientConnection, method: str, *, session: str = "", **parameters: Any) -> Any:
    number = next(_numbers)
    await socket.send(
        json.dumps({"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {}))
    )
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while True:
            answer = json.loads(await socket.recv())
            if answer.get("id") == number:
                break
    if "error" in answer:
        raise OSError(answer["error"]["message"])
    return answer["result"]
