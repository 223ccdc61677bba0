"""Who comes in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ciao.frontends.gateway.gate import Asked, Rules, refusal

TOKEN = "of-this-gateway"
RULES = Rules(token=TOKEN)
ASKED = Asked(method="GET", path="/api/kernels", host="127.0.0.1:8889", authorization=f"token {TOKEN}")
KUBEFLOW = Rules(base_url="/notebook/team/mine/", user="ann@example.org", user_header="kubeflow-userid", local=False)
ANN = Asked(method="GET", path="/notebook/team/mine/api/kernels", host="kubeflow.example", named="ann@example.org")


def status(asked: Asked, rules: Rules = RULES) -> int:
    """200 for who comes in."""
    refused = refusal(asked, rules)
    return refused.status if refused else 200


@pytest.mark.parametrize(
    ("authorization", "query", "expected"),
    [
        (f"token {TOKEN}", "", 200),
        (f"Bearer  {TOKEN}", "", 200),
        ("", TOKEN, 200),
        ("", "", 401),
        (f"token {TOKEN}x", "", 401),
        (f"token {TOKEN[:-1]}", "", 401),
        (f"Basic {TOKEN}", "", 401),
        (f"token wrong, token {TOKEN}", "", 401),
        ("token wrong", TOKEN, 401),
        ("token \u00fc\ud800", "", 401),
    ],
)
def test_only_its_token_lets_in(authorization: str, query: str, expected: int) -> None:
    assert status(replace(ASKED, authorization=authorization, query_token=query)) == expected


@pytest.mark.parametrize(
    "path",
    [
        "/api", "/api/status", "/api/me", "/api/kernels", "/api/kernels/a-b-c-d-e/channels", "/api/kernelspecs",
        "/api/kernelspecs/ciao", "/api/sessions", "/kernelspecs/ciao/logo-svg.svg",
    ],
)  # fmt: skip
def test_kernels_kernelspecs_and_sessions_are_there(path: str) -> None:
    assert status(replace(ASKED, path=path)) == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/contents", "/api/contents/x.ipynb", "/api/terminals", "/api/config/a", "/api/nbconvert", "/api/spec.yaml",
        "/api/resolvePath", "/api/shutdown", "/api/events/subscribe", "/files/x", "/view/x", "/nbconvert/x", "/lsp/ws",
        "/metrics", "/login", "/logout", "/static/x.js", "/lab", "/tree", "/terminals/websocket/1", "/api/kernelsx",
        "/api/kernels/../contents", "/kernelspecs/ciao/../../x", "/kernelspecs/", "//api/kernels", "/API/kernels",
    ],
)  # fmt: skip
def test_nothing_else_is(path: str) -> None:
    refused = refusal(replace(ASKED, path=path), RULES)
    assert refused
    assert (refused.status, refused.words) == (404, "This gateway has kernels, kernelspecs and sessions only")


def test_what_is_there_is_told_only_to_who_has_the_token() -> None:
    assert status(replace(ASKED, path="/api/contents", authorization="")) == 401


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (None, 200),
        ("http://127.0.0.1:8889", 200),
        ("https://127.0.0.1:8889", 200),
        ("https://lab.example", 200),
        ("https://evil.example", 403),
        ("https://lab.example.evil.example", 403),
        ("http://lab.example", 403),
        ("http://127.0.0.1:8890", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_page_from_elsewhere_does_not_get_in_with_the_right_token(origin: str | None, expected: int) -> None:
    rules = replace(RULES, origin="https://lab.example")
    assert status(replace(ASKED, origin=origin), rules) == expected


def test_without_a_host_no_origin_is_its_own() -> None:
    assert status(replace(ASKED, host="", origin="http://"), replace(RULES, local=False)) == 403


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", 200), ("localhost:8889", 200), ("127.0.0.1", 200), ("[::1]:8889", 200), ("lab.example", 200),
        ("evil.example", 403), ("10.1.2.3:8889", 403), ("", 403), ("[::1", 403), ("localhost.evil.example", 403),
    ],
)  # fmt: skip
def test_a_gateway_of_one_machine_answers_to_no_other_name(host: str, expected: int) -> None:
    assert status(replace(ASKED, host=host), replace(RULES, origin="https://lab.example")) == expected


def test_one_that_serves_more_answers_to_any() -> None:
    assert status(replace(ASKED, host="ciao-gateway.team.svc"), replace(RULES, local=False)) == 200


def test_a_browser_may_ask_first_for_the_origin_that_is_allowed_and_for_no_other() -> None:
    first = replace(ASKED, method="OPTIONS", authorization="")
    rules = replace(RULES, origin="https://lab.example")
    assert status(replace(first, origin="https://lab.example"), rules) == 200
    assert status(replace(first, origin="https://evil.example"), rules) == 403
    assert status(first, rules) == 401
    assert status(first) == 401


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (None, "This gateway serves one user, and the header kubeflow-userid names nobody"),
        ("", "This gateway serves one user, and the header kubeflow-userid names nobody"),
        ("bob@example.org", "This gateway serves one user, and the header kubeflow-userid names another user"),
        ("ANN@example.org", "This gateway serves one user, and the header kubeflow-userid names another user"),
        (
            "ann@example.org,bob@example.org",
            "This gateway serves one user, and the header kubeflow-userid names another user",
        ),
    ],
)
def test_a_second_user_is_refused_in_words(named: str | None, said: str) -> None:
    assert refusal(replace(ANN, named=named), KUBEFLOW) == (403, said)


def test_the_one_user_comes_in_and_with_a_token_needs_both() -> None:
    assert status(ANN, KUBEFLOW) == 200
    assert status(ANN, replace(KUBEFLOW, token=TOKEN)) == 401
    assert status(replace(ANN, query_token=TOKEN), replace(KUBEFLOW, token=TOKEN)) == 200
    assert status(replace(ANN, query_token=TOKEN, named="bob"), replace(KUBEFLOW, token=TOKEN)) == 403


def test_what_is_outside_of_the_base_url_is_not_there() -> None:
    assert status(replace(ANN, path="/api/kernels"), KUBEFLOW) == 404


def test_no_refusal_repeats_a_token() -> None:
    refused = refusal(replace(ASKED, authorization="token another-secret", query_token="third"), RULES)
    assert refused
    assert not any(word in repr((refused, RULES)) for word in (TOKEN, "another-secret", "third"))
