"""Starts MiniStack with what the local stage needs of it."""

import asyncio
import contextvars
import json
import logging
import os
import signal
import socketserver
import threading
import time
from urllib.parse import urlsplit

from ministack import app
from ministack.core import lambda_runtime
from ministack.services import apigateway, cloudwatch, lambda_svc, sqs
from ministack.services.cloudformation import provisioners


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

_log = logging.getLogger("stage")
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
        try:
            response = await _invoke(*args, **kwargs) or {}
        except Exception:
            _log.exception("a message of %s could not be passed on", self._id)
            response = {"statusCode": 502}
        body = response.get("body")
        if response.get("statusCode") in (429, 502):  # it could not run, or failed
            body = json.dumps({"message": "Internal server error", "connectionId": self._id, "requestId": args[7]})
        if not body:
            _log.error("a message of %s has no answer: %s", self._id, response)
            return
        try:
            await self._send({"type": "websocket.send", "text": body})
        except Exception:  # the client may be gone
            _log.info("an answer to %s could not be sent", self._id, exc_info=True)

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

_evaluate = cloudwatch._evaluate_alarm


def _evaluate_by_dimensions(alarm):
    """An alarm looks at the metric of its own dimensions, where MiniStack's looks at all of the name."""
    own = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
    every = cloudwatch._metrics
    cloudwatch._metrics = {key: points for key, points in every.items() if key[2] == own}
    try:
        _evaluate(alarm)
    finally:
        cloudwatch._metrics = every


cloudwatch._evaluate_alarm = _evaluate_by_dimensions

_measure = lambda_svc._emit_lambda_metrics
_run = lambda_svc._execute_function_dispatch


def _measure_throttles(name, duration_ms, error, throttle):
    """What MiniStack measures itself, but for runs: only those that came by an SDK's Invoke."""
    if throttle:
        _measure(name, duration_ms, error, throttle)


def _run_measured(func, config, event, request_id, started):
    """Every run is measured, whatever invoked it."""
    result = _run(func, config, event, request_id, started)
    _measure(config.get("FunctionName", ""), (time.time() - started) * 1000, bool(result.get("error")), False)
    return result


lambda_svc._emit_lambda_metrics = _measure_throttles
lambda_svc._execute_function_dispatch = _run_measured

_versions = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Version"]
_delete_version = _versions["delete"]


def _delete_version_with_processes(arn, props):
    """What a version runs comes to its end, and then its processes go, which MiniStack keeps."""
    _delete_version(arn, props)
    region, account, _, name, version = arn.split(":")[3:]
    threading.Thread(target=_end_processes, args=(f"{account}:{region}:{name}:{version}",), daemon=True).start()


def _end_processes(key):
    busy = True
    while busy:
        time.sleep(1)  # what was to be run when the version went has begun
        with lambda_runtime._lock:
            workers = lambda_runtime._workers.pop(key, [])
            busy = [worker for worker in workers if worker.in_use]
            if busy:
                lambda_runtime._workers[key] = busy
        lambda_runtime.kill_workers([worker for worker in workers if worker not in busy])


_versions["delete"] = _delete_version_with_processes

# SendMessageBatch forgets the system attributes of its entries, which carry traces.
_send_message, _send_batch = sqs._act_send_message, sqs._act_send_message_batch
_attributes = contextvars.ContextVar("attributes", default=())


def _send_with_attributes(data, url):
    if _attributes.get():
        data = {**data, "MessageSystemAttributes": _attributes.get().pop(0)}
    return _send_message(data, url)


def _send_batch_with_attributes(data, url):
    token = _attributes.set([entry.get("MessageSystemAttributes") for entry in data.get("Entries", ())])
    try:
        return _send_batch(data, url)
    finally:
        _attributes.reset(token)


sqs._act_send_message = _send_with_attributes
sqs._HANDLERS["SendMessageBatch"] = _send_batch_with_attributes

app.main()
