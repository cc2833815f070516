"""Starts MiniStack with what the local stage needs of it."""

import contextvars
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

# As on API Gateway, the subprotocol that $connect returns is the one that is agreed on.
_agreed = contextvars.ContextVar("agreed", default=None)
_invoke = apigateway._invoke_ws_lambda
_handle = apigateway.handle_websocket


async def _invoke_and_note(*args, **kwargs):
    response = await _invoke(*args, **kwargs)
    for name, value in ((response or {}).get("headers") or {}).items():
        if name.lower() == "sec-websocket-protocol":
            _agreed.set(value)
    return response


async def _handle_and_agree(scope, receive, send, *args, **kwargs):
    async def send_agreed(message):
        agreed = _agreed.get()
        if message["type"] == "websocket.accept" and agreed in scope.get("subprotocols", ()):
            message = {**message, "subprotocol": agreed}
        await send(message)

    await _handle(scope, receive, send_agreed, *args, **kwargs)


apigateway._invoke_ws_lambda = _invoke_and_note
apigateway.handle_websocket = _handle_and_agree

app.main()
