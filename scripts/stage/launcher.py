"""Starts MiniStack with what the local stage needs of it."""

import asyncio
import contextlib
import contextvars
import json
import os
import signal
import socketserver
import threading
import time
from urllib.parse import urlsplit

from ministack import app
from ministack.services import apigateway, sqs


def _end_with_parent():
    """The guard ends this process group; this does, should the guard be killed itself."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)


threading.Thread(target=_end_with_parent, daemon=True).start()

# Small writes leave at once: with Nagle's algorithm every invocation takes 40 ms more.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True

# Queue URLs lead to the front, as every other address does.
_front = urlsplit(os.environ["AWS_ENDPOINT_URL"])
sqs.DEFAULT_HOST, sqs.DEFAULT_PORT, sqs._CANONICAL_NETLOC = _front.hostname, _front.port, _front.netloc

_invoke = apigateway._invoke_ws_lambda
_handle = apigateway.handle_websocket
_socket = contextvars.ContextVar("socket")


class _Socket:
    """A WebSocket that does as API Gateway's where MiniStack's does otherwise.

    The subprotocol that $connect returns is the one that is agreed on. Each message invokes
    its function at once, whatever of the connection still runs, so answers come in any
    order. Where a function failed, the client is told so.
    """

    def __init__(self, scope, send):
        self._offered = scope.get("subprotocols", ())
        self._send = send
        self._id = ""
        self._subprotocol = None
        self._answering = set()  # the event loop keeps no task alive

    async def invoke(self, *args, **kwargs):
        self._id, event = args[5:7]
        if event == "MESSAGE":
            task = asyncio.create_task(self._answer(args, kwargs))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
            return None  # nothing to send yet: the next message is read
        response = await _invoke(*args, **kwargs)
        for name, value in ((response or {}).get("headers") or {}).items():
            if name.lower() == "sec-websocket-protocol" and value in self._offered:
                self._subprotocol = value
        return response

    async def _answer(self, args, kwargs):
        response = await _invoke(*args, **kwargs) or {}
        body = response.get("body")
        if response.get("statusCode") in (429, 502):  # it could not run, or failed
            body = json.dumps({"message": "Internal server error", "connectionId": self._id, "requestId": args[7]})
        if body:
            with contextlib.suppress(Exception):  # the client may be gone
                await self._send({"type": "websocket.send", "text": body})

    async def send(self, message):
        if message["type"] == "websocket.accept":
            # The front names the connection in errors of its own.
            named = (b"x-stage-connection-id", self._id.encode())
            message = {**message, "subprotocol": self._subprotocol, "headers": [*message.get("headers", ()), named]}
        await self._send(message)


async def _handle_as_api_gateway(scope, receive, send, *args, **kwargs):
    socket = _Socket(scope, send)
    _socket.set(socket)
    await _handle(scope, receive, socket.send, *args, **kwargs)


async def _invoke_as_api_gateway(*args, **kwargs):
    return await _socket.get().invoke(*args, **kwargs)


apigateway._invoke_ws_lambda = _invoke_as_api_gateway
apigateway.handle_websocket = _handle_as_api_gateway

app.main()
