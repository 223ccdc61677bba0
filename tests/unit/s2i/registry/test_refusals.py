"""What each refusal says, and what it tells to do next."""

from __future__ import annotations

import json
import time
from email.utils import formatdate
from typing import Any

import pytest

from ciao.s2i.registry.errors import Denied, Refused, Unreachable
from ciao.s2i.registry.refusals import refusal

DOING = "pushing to registry.example/team/ciao"
FULL = {
    "code": "UNKNOWN",
    "message": "unknown error",
    "detail": {"DriverName": "filesystem", "Enclosed": {"Op": "write", "Path": "/x", "Err": 28}},
}


def refused(status: int, body: object = None, **more: Any) -> Refused | Unreachable:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    more.setdefault("headers", {})
    return refusal(status, raw, host="registry.example", doing=DOING, **more)


def errors(code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message, **more}]}


@pytest.mark.parametrize(
    ("status", "login", "words", "hint"),
    [
        (401, "", f"the registry registry.example wants a login for {DOING}, and there is none (401)", "s2i.username"),
        (401, "/f", "does not accept the login from /f", "docker login registry.example"),
        (403, "", "does not allow pushing to registry.example/team/ciao without a login", "docker login"),
        (403, "/f", "does not allow pushing", "Ask for the right"),
        (404, "", f"{DOING} failed: the registry registry.example has nothing of this name", "project"),
        (405, "", "does not do this", "administrator"),
        (413, "", "takes no request this large", "client_max_body_size"),
        (429, "", "gets too many requests", "log in, which allows more"),
        (429, "/f", "gets too many requests", "Try again later"),
        (500, "", "has a fault of its own", "Try again"),
        (503, "", "has a fault of its own", "Try again"),
        (507, "", "the disk of the registry registry.example is full", "make room"),
        (400, "", "refuses pushing", ""),
        (304, "", "refuses pushing", ""),
    ],
)
def test_each_says_what_failed_and_what_to_do_next(status: int, login: str, words: str, hint: str) -> None:
    found = refused(status, login=login)
    assert words in found.message
    assert hint in found.hint
    assert f"({status}" in found.message


def test_the_registrys_own_words_are_added() -> None:
    found = refused(403, errors("DENIED", "requested access to the resource is denied"))
    assert "(403: DENIED: requested access to the resource is denied)" in found.message
    assert isinstance(found, Denied)
    assert found.code == "DENIED"


def test_a_full_disk_is_known_by_the_words_of_the_registry() -> None:
    found = refused(500, {"errors": [FULL]})
    assert "is full" in found.message
    assert not found.again
    assert "is full" in refused(500, b"write /x: no space left on device").message


HARBOR = (
    "adding 2.3 MiB of storage resource, which when updated to current usage of 9 MiB "
    "will exceed the configured upper limit of 10.0 MiB"
)


@pytest.mark.parametrize("message", [HARBOR, "Quota has been exceeded on namespace"])
def test_a_quota_is_known_by_the_words_of_the_registry(message: str) -> None:
    found = refused(403, errors("DENIED", message))
    assert "a quota is used up" in found.message
    assert "Remove images" in found.hint


@pytest.mark.parametrize(("status", "again"), [(429, True), (500, True), (502, True), (504, True), (501, False)])
def test_it_says_whether_another_try_may_help(status: int, again: bool) -> None:  # noqa: FBT001 - a parameter
    assert refused(status).again is again


def test_a_pause_is_in_seconds_or_until_a_date() -> None:
    assert refused(429, headers={"Retry-After": "7"}).pause == 7
    until = refused(429, headers={"Retry-After": formatdate(time.time() + 100, usegmt=True)}).pause
    assert until is not None
    assert 90 < until <= 100
    assert refused(429, headers={"Retry-After": "soon"}).pause is None
    assert refused(429, headers={"Retry-After": formatdate(0, usegmt=True)}).pause == 0


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b'{"errors": []}', b'{"errors": ["x"]}', b'{"errors": [{"code": 1}]}']
)
def test_a_body_that_is_none_is_passed_over(body: bytes) -> None:
    assert refused(400, body).message.endswith("(400)")


def test_long_words_are_cut_and_do_nothing_to_a_terminal() -> None:
    shown = refused(400, errors("X", "\x1b[31m\n" + "a" * 5000)).message
    assert "\x1b" not in shown
    assert len(shown) < 500


def test_a_helper_that_failed_is_named_where_a_login_is_missing() -> None:
    trouble = "the credential helper docker-credential-x is not installed"
    assert trouble in refused(401, trouble=trouble).message
    assert trouble in refused(403, trouble=trouble).message


def test_an_answer_that_is_deeper_than_any_is_passed_over() -> None:
    assert str(refused(400, b"[" * 65_536)).endswith("(400)")
