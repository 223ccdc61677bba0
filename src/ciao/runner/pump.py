r"""Turns what a process writes into whole lines, in bulk: about a memory copy for each piece, nothing for each line.

A log shows nothing before a newline, so a carriage return, with which a progress bar starts over, ends a line too.
It stays as that line's last character: whoever shows the log then knows a state that the next one replaced.
Terminal codes and bytes that are not UTF-8 pass as they are.
"""

from __future__ import annotations

MAX_LINE = 1024 * 1024


class Pump:
    r"""Takes pieces as they come, gives complete lines; the same lines however the stream was cut into pieces.

    ``\n`` ends a plain line, also with any ``\r`` before it. ``\r`` alone, or several, end a line that is drawn anew:
    it is given as ``text\r\n``. For that the ``\r`` must not be followed by ``\n``, so the line waits for what comes
    next, as that of a progress bar which begins with its ``\r`` always does.
    A ``\r`` where a line starts is nothing: ``\r10%\r20%\n`` is two lines, and only ``\n`` makes an empty one.
    A line longer than MAX_LINE bytes is broken there (not inside a UTF-8 character). What is shorter and has no end
    yet is held until it has one, or until ``flush``: to give it away in pieces would make lines that nobody wrote.
    """

    def __init__(self) -> None:
        self._rest: bytes | bytearray = b""
        self._returned = False  # the last piece ended with a \r; a \n may still belong to it

    def feed(self, data: bytes) -> bytes:
        r"""The lines that this piece completes, each ended by ``\n``; often nothing."""
        if self._returned or b"\r" in data:
            data = self._with_line_ends(data)
        end = data.rfind(b"\n") + 1
        if len(self._rest) + len(data) > MAX_LINE:
            return self._broken(data)
        if end == 0:
            self._hold(data)
            return b""
        lines = bytes(self._rest) + data[:end] if self._rest else data[:end]
        self._rest = data[end:]
        return lines

    def flush(self) -> bytes:
        """The unfinished line at the end of the stream, finished."""
        rest, end = bytes(self._rest), b"\r\n" if self._returned else b"\n"
        self._rest, self._returned = b"", False
        return rest + end if rest else b""

    def _hold(self, data: bytes) -> None:
        """A bytearray once a line comes in several pieces: it grows without being copied each time."""
        if not self._rest:
            self._rest = data
            return
        if isinstance(self._rest, bytes):
            self._rest = bytearray(self._rest)
        self._rest += data

    def _with_line_ends(self, data: bytes) -> bytes:
        r"""The piece with ``\n`` and ``\r\n`` as its line ends, without a ``\r`` at its end."""
        if self._returned:
            data = b"\r" + data
        while b"\r\r" in data:
            data = data.replace(b"\r\r", b"\r")
        data = data.replace(b"\r\n", b"\n")
        self._returned = data.endswith(b"\r")
        if self._returned:
            data = data[:-1]
        data = data.replace(b"\n\r", b"\n")
        if data.startswith(b"\r") and not self._rest:
            data = data[1:]
        return data.replace(b"\r", b"\r\n")

    def _broken(self, data: bytes) -> bytes:
        """As ``feed``, line by line, for the rare piece that may complete a line which is too long."""
        *lines, rest = (bytes(self._rest) + data).split(b"\n")
        out = bytearray()
        for line in lines:
            text, end = (line[:-1], b"\r\n") if line.endswith(b"\r") else (line, b"\n")
            out += b"\n".join(_pieces(text)) + end
        *pieces, self._rest = _pieces(rest)
        out += b"".join(piece + b"\n" for piece in pieces)
        return bytes(out)


def _pieces(line: bytes) -> list[bytes]:
    """The line, cut so that no piece is longer than MAX_LINE."""
    pieces = []
    start = 0
    while len(line) - start > MAX_LINE:
        end = start + MAX_LINE
        for _ in range(3):  # bytes 10xxxxxx continue a character, of four bytes at most
            if line[end] & 0xC0 != 0x80:
                break
            end -= 1
        pieces.append(line[start:end])
        start = end
    pieces.append(line[start:])
    return pieces
