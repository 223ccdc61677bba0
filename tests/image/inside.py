"""A client that is run in the container, beside the gateway: runs the cells it is given, prints what each said."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import urllib.request
import uuid
from pathlib import Path
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

ADDRESS = "127.0.0.1:8889"


def started(headers: dict[str, str]) -> str:
    """A new kernel's id."""
    asked = urllib.request.Request(f"https://{ADDRESS}/api/kernels", b'{"name": "ciao"}', headers)
    with urllib.request.urlopen(asked, context=ssl._create_unverified_context()) as answer:
        return str(json.load(answer)["id"])


async def main(cells: list[str], headers: dict[str, str], kernel: str) -> None:
    """One after the other in this kernel."""
    url = f"wss://{ADDRESS}/api/kernels/{kernel}/channels"
    socket = await websocket_connect(HTTPRequest(url, headers=headers, validate_cert=False))
    for cell in cells:
        print(json.dumps(await said(socket, cell)))


async def said(socket: WebSocketClientConnection, cell: str) -> str:
    """All that it printed, its result, its error; until it is over, and then until its output is, too."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "session": "x",
        "username": "",
        "version": "5.3",
    }
    content = {"code": cell, "silent": False}
    request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await socket.write_message(json.dumps(request))
    found = ""
    while (text := await socket.read_message()) is not None:
        message: dict[str, Any] = json.loads(text)
        if message["parent_header"].get("msg_id") == header["msg_id"]:
            found += shown(message["msg_type"], message["content"])
            if message["content"].get("execution_state") == "idle":
                break
    return found


def shown(kind: str, content: dict[str, Any]) -> str:
    """Of one message."""
    match kind:
        case "stream":
            return str(content["text"])
        case "execute_result":
            return str(content["data"]["text/plain"])
        case "error":
            return "\n".join(content["traceback"])
        case _:
            return ""


if __name__ == "__main__":
    token = Path("~/.ciao/gateway/token").expanduser().read_text().strip()
    bearing = {"Authorization": f"token {token}"}
    asyncio.run(main(sys.argv[1:], bearing, started(bearing)))
