"""Answers that are no success, in plain words with the next step."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from ciao.s2i.registry.errors import Denied, Refused, Unreachable

__all__ = ["refusal"]

TOLD = 300
"""Characters of a registry's own words that are shown."""

BUSY = (408, 425, 429)
PASSING = (500, 502, 503, 504)
FULL = re.compile(r"no space left|disk quota|not enough space|insufficient storage|\"Err\":\s*28\b", re.IGNORECASE)
QUOTA = re.compile(r"\bquota\b|exceed\w* the configured upper limit|storage limit", re.IGNORECASE)


def refusal(
    status: int,
    body: bytes,
    *,
    host: str,
    doing: str,
    headers: Mapping[str, str],
    scrub: Callable[[str], str] = str,
    login: str = "",
    trouble: str = "",
) -> Refused | Unreachable:
    """``doing`` is such as ``pushing to HOST/NAME``. ``login`` is where the credentials came from; empty for none.

    ``scrub`` takes out of the registry's words what it was told in confidence.
    """
    code, told = _said(body, headers)
    said = _clean(scrub(told))
    message, hint = _words(status, body, host=host, doing=doing, login=login, trouble=trouble)
    shown = f"{message} ({status}{f': {said}' if said else ''})"
    pause = _pause(headers)
    if status >= 500 and not _full(status, body):
        return Unreachable(shown, again=status in PASSING, pause=pause, hint=hint)
    kind = Denied if status in (401, 403) else Refused
    return kind(shown, status=status, code=code, again=status in BUSY, pause=pause, hint=hint)


def _words(status: int, body: bytes, *, host: str, doing: str, login: str, trouble: str) -> tuple[str, str]:
    registry, log_in = f"the registry {host}", f"docker login {host}"
    if _full(status, body):
        return f"the disk of {registry} is full: {doing} failed", "Its administrator has to make room there"
    if QUOTA.search(body.decode(errors="replace")):
        hint = "Remove images that nobody needs, or ask the registry's administrator for more"
        return f"{registry} has no room left for {doing}: a quota is used up", hint
    if status >= 500:
        return f"{registry} has a fault of its own: {doing} failed", "Try again in a minute; its log says why"
    known = _known_there(registry, doing, log_in) if login else _unknown_there(registry, doing, log_in, trouble)
    if status in known:
        return known[status]
    if status == 401 and login:
        hint = f"Correct the user and password, or log in anew: {log_in}"
        return f"{registry} does not accept the login from {login} for {doing}", hint
    return _always(registry, doing).get(status, (f"{registry} refuses {doing}", ""))


def _known_there(registry: str, doing: str, log_in: str) -> dict[int, tuple[str, str]]:
    return {
        403: (
            f"{registry} does not allow {doing}",
            f"Ask for the right to it, or log in as somebody who may: {log_in}",
        ),
        429: (f"{registry} gets too many requests: {doing}", "Try again later"),
    }


def _unknown_there(registry: str, doing: str, log_in: str, trouble: str) -> dict[int, tuple[str, str]]:
    also = f"; {trouble}" if trouble else ""
    return {
        401: (
            f"{registry} wants a login for {doing}, and there is none{also}",
            f"Set s2i.username and s2i.password, or log in: {log_in}",
        ),
        403: (f"{registry} does not allow {doing} without a login{also}", f"Log in: {log_in}"),
        429: (
            f"{registry} gets too many requests: {doing}",
            f"Try again later, or log in, which allows more: {log_in}",
        ),
    }


def _always(registry: str, doing: str) -> dict[int, tuple[str, str]]:
    large = "Its administrator has to allow more (nginx: client_max_body_size)"
    return {
        404: (f"{doing} failed: {registry} has nothing of this name", _MISSING),
        405: (f"{registry} does not do this: {doing}", "Its administrator decides that"),
        413: (f"{registry}, or a proxy before it, takes no request this large: {doing}", large),
    }


_MISSING = "See that the name is right, and that it is there; some registries want a project or repository made first"


def _full(status: int, body: bytes) -> bool:
    return status == 507 or (status >= 500 and bool(FULL.search(body.decode(errors="replace"))))


def _said(body: bytes, headers: Mapping[str, str]) -> tuple[str, str]:
    """The first error's code, and its words for people. Of a page or of broken JSON nothing."""
    try:
        found = json.loads(body)
        first = found["errors"][0]
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        page = "html" in headers.get("Content-Type", "")
        return "", "a web page, not a registry's answer" if page else ""
    if not isinstance(first, dict):
        return "", ""
    code, message = _text(first, "code"), _text(first, "message")
    return code, f"{code}: {message}" if code and message else code or message


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def _clean(text: str) -> str:
    """One line that does nothing to a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= TOLD else f"{line[:TOLD]}..."


def _pause(headers: Mapping[str, str]) -> float | None:
    """Retry-After: seconds, or a date."""
    given = headers.get("Retry-After", "").strip()
    if given.isascii() and given.isdigit():
        return float(given)
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
