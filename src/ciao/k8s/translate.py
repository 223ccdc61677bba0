"""What an API server refuses, in plain words: the one place where its Status becomes an error of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ciao.k8s.errors import ApiError
from ciao.k8s.rights import Right, grant

__all__ = ["refusal"]

LONGEST = 1000
"""Characters of a text that is no Status, such as a proxy's page."""

NO_SUCH_PATH = "404 page not found"
RBAC = re.compile(
    r'is forbidden: User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"/]*)(?:/(?P<part>[^"]*))?"'
    r' in API group "(?P<group>[^"]*)"(?: in the namespace "(?P<namespace>[^"]*)"| at the cluster scope)'
)
WEBHOOK = re.compile(r'admission webhook "(?P<name>[^"]*)" denied the request:? ?(?P<why>.*)', re.DOTALL)
QUOTA = re.compile(
    r"exceeded quota: (?P<name>\S+), requested: (?P<asked>\S+), used: (?P<used>\S+), limited: (?P<limit>\S+)"
)
ENDING = re.compile(r"in namespace (?P<namespace>\S+) because it is being terminated")
CRD = re.compile(r"/apis/(?P<group>[^/]+)/(?P<version>[^/]+)(?:/namespaces/[^/]+)?/(?P<plural>[^/]+)")

Words = tuple[str, str]
"""Message and hint."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """What the words are made of."""

    said: str
    details: Mapping[str, Any]
    path: str


def refusal(code: int, body: bytes, *, path: str = "", retry_after: str | None = None) -> ApiError:
    """The error for an answer that is no success. ``path`` is what was asked for, ``retry_after`` the header's text."""
    status = _status(body)
    details = status.get("details")
    known = details if isinstance(details, dict) else {}
    said = str(status.get("message") or "").strip().rstrip(".")
    message, hint = _words(code, Refused(said=said, details=known, path=path))
    return ApiError(
        message,
        code=code,
        reason=str(status.get("reason") or ""),
        details=known,
        retry_after=_seconds(retry_after, known),
        hint=hint,
    )


def _status(body: bytes) -> dict[str, Any]:
    """The Status, or its like of a text."""
    text = body.decode(errors="replace").strip()
    try:
        status = json.loads(text)
    except ValueError:
        return {"message": _plain(text)}
    return status if isinstance(status, dict) and status.get("kind") == "Status" else {"message": _plain(text)}


def _plain(text: str) -> str:
    """Without the tags of a page, on one line."""
    bare = re.sub(r"<(style|script|head)\b.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL | re.IGNORECASE)
    return " ".join(bare.split())[:LONGEST]


def _seconds(header: str | None, details: Mapping[str, Any]) -> float | None:
    for value in (header, details.get("retryAfterSeconds")):
        if isinstance(value, (int, str)) and str(value).strip().isdigit() and int(value) > 0:
            return float(value)
    return None


def _words(code: int, refused: Refused) -> Words:
    if (special := SPECIAL.get(code)) is not None:
        return special(refused)
    said = refused.said or "it gave no reason"
    if code >= 500:
        return f"the cluster failed ({code}): {said}", "Try again in a minute"
    return f"the cluster refused the request ({code}): {said}", ""


def _unknown_user(_: Refused) -> Words:
    message = "the cluster does not know who you are: the credentials are wrong or over (401)"
    return message, "Log in again, then see that `kubectl get pods` works"


def _forbidden(refused: Refused) -> Words:
    for pattern, words in FORBIDDEN:
        if match := pattern.search(refused.said):
            return words(match)
    return f"the cluster forbids it: {refused.said}", ""


def _rights(found: re.Match[str]) -> Words:
    right = Right(verb=found["verb"], resource=found["resource"], group=found["group"], subresource=found["part"] or "")
    where = f"in the namespace {found['namespace']}" if found["namespace"] else "in the whole cluster"
    if found["user"] == "system:anonymous":
        return "the cluster does not know who you are: it got no credentials", "Log in, or correct the kubeconfig"
    message = f"{found['user']} may not {right.verb} {right.name} {where}"
    return message, f"Who may grant it does so with: {grant(right, user=found['user'], namespace=found['namespace'])}"


def _webhook(found: re.Match[str]) -> Words:
    return f"{found['why'].strip() or 'it gave no reason'} (refused by the cluster's webhook {found['name']})", ""


def _quota(found: re.Match[str]) -> Words:
    limit = f"{found['asked']} asked, {found['used']} in use, at most {found['limit']}"
    return f"the quota {found['name']} is used up: {limit}", "Ask for less, end other jobs, or have the quota raised"


def _ending(found: re.Match[str]) -> Words:
    return f"the namespace {found['namespace']} is being deleted", "Choose another with %namespace="


def _after(found: re.Match[str]) -> Words:
    return f"the cluster forbids it: {found[1]}", ""


FORBIDDEN: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Words]], ...] = (
    (WEBHOOK, _webhook),  # first: it may quote any of the others
    (RBAC, _rights),
    (QUOTA, _quota),
    (ENDING, _ending),
    (re.compile(r"is forbidden: (.*)", re.DOTALL), _after),
)


def _not_found(refused: Refused) -> Words:
    if refused.said == NO_SUCH_PATH and (found := CRD.search(refused.path)):
        message = f"the cluster does not know {found['plural']} ({found['group']}/{found['version']})"
        return message, f"See what it knows: `kubectl api-resources --api-group={found['group']}`"
    if refused.details.get("kind") == "namespaces" and not refused.details.get("group"):
        message = f"there is no namespace {refused.details.get('name')!r}"
        return message, "Choose another with %namespace=, or make it: `kubectl create namespace NAME`"
    return refused.said or f"the cluster has no {refused.path}", ""


def _conflict(refused: Refused) -> Words:
    return refused.said or "the object is there already, or was changed meanwhile", ""


def _gone(refused: Refused) -> Words:
    return f"the cluster has forgotten this version of the list: {refused.said}", ""


def _invalid(refused: Refused) -> Words:
    """Field by field. The API adds a cause for a field ``<nil>`` that says nothing."""
    causes = list(dict.fromkeys(_causes(refused.details)))
    return f"the cluster finds it invalid: {'; '.join(causes) or refused.said}", ""


def _causes(details: Mapping[str, Any]) -> Iterator[str]:
    causes = details.get("causes")
    for cause in causes if isinstance(causes, list) else ():
        field, text = str(cause.get("field") or ""), str(cause.get("message") or "").strip()
        if field == "<nil>" or not text:
            continue
        place = text.find(field)  # some say what the value is, then the field, then the value again
        yield f"{field}: {text}" if place < 0 else text[place:]


def _busy(refused: Refused) -> Words:
    return f"the cluster has too much to do: {refused.said}", "Try again in a minute"


SPECIAL: Mapping[int, Callable[[Refused], Words]] = {
    401: _unknown_user,
    403: _forbidden,
    404: _not_found,
    409: _conflict,
    410: _gone,
    422: _invalid,
    429: _busy,
}
