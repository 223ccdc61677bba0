"""Where the output of one cell goes: its stream while it runs, its panel for as long as its job lives."""

from __future__ import annotations

import secrets
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["Outlet", "Status", "in_terminal", "wants_colour"]


class Status(Protocol):
    """A panel in the forms that frontends take."""

    @property
    def text(self) -> str:
        """One line."""

    @property
    def html(self) -> str:
        """The same, where HTML is shown."""

    @property
    def key(self) -> str:
        """The words without the time that passes."""


def in_terminal(shell: InteractiveShell) -> bool:
    """A display cannot be updated in place: IPython's terminal prints every update again."""
    return any(kind.__name__ == "TerminalInteractiveShell" for kind in type(shell).__mro__)


def wants_colour(shell: InteractiveShell) -> bool:
    """The user did not switch colours off."""
    return str(getattr(shell, "colors", "nocolor")).lower() != "nocolor"


class Outlet:
    """One cell's. ``update`` may be called from any thread, also when the cell has ended; the rest may not."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._terminal = in_terminal(shell)
        self._pub: Any = shell.display_pub
        self._over_zmq = getattr(self._pub, "pub_socket", None) is not None
        self._parent = getattr(self._pub, "parent_header", None)
        self._transient = {"display_id": f"ciao-{secrets.token_hex(8)}"}
        self._published = False
        self._said = ""

    def draw(self, status: Status | None, text: str) -> None:
        """Show both: the panel above the stream's text; in a terminal, where nothing moves, its line below it."""
        if self._terminal:
            self.write(text)
            self._say(status)
        else:
            self._show(status)
            self.write(text)

    def write(self, text: str) -> None:
        """Send text to the cell's stream, at once."""
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()

    def update(self, status: Status) -> None:
        """Put a new panel in the place of the first; nothing where that is impossible.

        Over ZeroMQ the message is made here and not by IPython's publisher, which would flush the streams, and
        name as its cell the one that runs now.
        """
        if not self._published:
            return
        if not self._over_zmq:
            self._pub.publish(data=_bundle(status), metadata={}, transient=self._transient, update=True)
            return
        content = {"data": _bundle(status), "metadata": {}, "transient": self._transient}
        self._pub.session.send(
            self._pub.pub_socket, "update_display_data", content, parent=self._parent, ident=self._pub.topic
        )

    def _say(self, status: Status | None) -> None:
        if status is not None and status.key != self._said:
            self._said = status.key
            self.write(f"{status.text}\n")

    def _show(self, status: Status | None) -> None:
        if status is None:
            return
        if self._published:
            self.update(status)
        else:
            self._published = True
            self._pub.publish(data=_bundle(status), metadata={}, transient=self._transient)


def _bundle(status: Status) -> dict[str, str]:
    return {"text/plain": status.text, "text/html": status.html}
