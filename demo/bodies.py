"""How much anybody may send in one request, looked at before anything of it is parsed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

UPLOAD_PATH = "/upload"


class BodyLimit:
    """ASGI middleware: a request whose body is too long is refused."""

    def __init__(
        self, app: App, json_bytes: int, upload_bytes: int, has_room: Callable[[], bool]
    ) -> None:
        """
        Args:
            json_bytes: of every body but uploads. It is read whole before the app sees it.
            upload_bytes: of an upload, which must say its length.
            has_room: whether an upload can be taken just now.
        """
        self._app = app
        self._json_bytes = json_bytes
        self._upload_bytes = upload_bytes
        self._has_room = has_room

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self._app(scope, receive, send)
        length = _length(scope)
        if scope["path"].rstrip("/").endswith(UPLOAD_PATH):
            if length is None:
                return await _refuse(send, 411, "An upload must say its length.")
            if length > self._upload_bytes:
                limit = self._upload_bytes // 1_000_000
                return await _refuse(send, 413, f"A file may have {limit} MB here.")
            if not self._has_room():
                return await _refuse(send, 503, "There is no room just now. Try again in minutes.")
            return await self._app(scope, receive, send)
        body = await self._body(length, receive)
        if body is None:
            limit = self._json_bytes // 1000
            return await _refuse(send, 413, f"A request may have {limit} kB here.")
        return await self._app(scope, _again(body, receive), send)

    async def _body(self, length: int | None, receive: Receive) -> bytes | None:
        """The whole body; None where it is too long."""
        if length is not None and length > self._json_bytes:
            return None
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self._json_bytes:
                return None
            if message["type"] != "http.request" or not message.get("more_body"):
                return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was received already, and then whatever comes."""
    is_given = False

    async def receive_again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def _length(scope: MutableMapping[str, Any]) -> int | None:
    values = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
    return int(values[0]) if values and values[0].isdigit() else None


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = reason.encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
    headers.append((b"connection", b"close"))  # what else is sent is not read
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
