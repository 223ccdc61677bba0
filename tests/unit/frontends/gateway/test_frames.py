"""Binary messages that say what they are."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from jupyter_server.services.kernels.connection.base import serialize_binary_message, serialize_msg_to_ws_v1

from ciao.frontends.gateway.frames import MOST_PARTS, sound

BUFFERS = [b"x" * 10, b"", b"y"]


@pytest.mark.parametrize("buffers", [[], BUFFERS, BUFFERS * 100])
def test_what_jupyter_sends_is_sound(buffers: list[bytes]) -> None:
    message: dict[str, Any] = {"header": {}, "parent_header": {}, "metadata": {}, "content": {}, "buffers": buffers}
    assert sound(serialize_binary_message(message), subprotocol=False)  # type: ignore[no-untyped-call]  # Jupyter's
    parts = [b"{}"] * 4 + buffers
    assert sound(serialize_msg_to_ws_v1(parts, "shell"), subprotocol=True)  # type: ignore[no-untyped-call]  # Jupyter's


@pytest.mark.parametrize("count", [0, -1, 2, 10**8, 2**31 - 1])
def test_a_number_of_parts_that_cannot_be_there_is_not_believed(count: int) -> None:
    assert not sound(struct.pack("!i", count), subprotocol=False)
    assert not sound(struct.pack("<q", count), subprotocol=True)


def test_there_is_an_end_to_how_many_they_may_be() -> None:
    many = MOST_PARTS + 1
    assert not sound(struct.pack("!i", many) + b"\0" * 4 * many, subprotocol=False)
    assert not sound(struct.pack("<q", many) + b"\0" * 8 * many, subprotocol=True)


def test_a_message_of_nothing_is_not_sound() -> None:
    assert not sound(b"", subprotocol=False)
    assert not sound(b"", subprotocol=True)
