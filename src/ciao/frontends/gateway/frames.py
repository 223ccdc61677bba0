"""What a binary message of a WebSocket says of itself, before Jupyter believes it. Pure.

Jupyter takes memory for as many parts as the first bytes of a message name, and looks afterwards whether they came:
four bytes took three gigabytes, and ten seconds in which nobody else was served.
"""

from __future__ import annotations

__all__ = ["MOST_PARTS", "sound"]

MOST_PARTS = 2**14
"""Of a message with its buffers; those of widgets are a few dozen."""


def sound(message: bytes, *, subprotocol: bool) -> bool:
    """Whether the places of its parts are in it: in words of eight bytes by Jupyter's subprotocol, else of four."""
    word = 8 if subprotocol else 4
    if len(message) < word:
        return False
    parts = int.from_bytes(message[:word], "little" if subprotocol else "big")
    return 0 < parts <= MOST_PARTS and word * (parts + 1) <= len(message)
