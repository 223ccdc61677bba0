"""What the gateway tells when it starts."""

from __future__ import annotations

from pathlib import Path

from ciao.frontends.gateway.options import Options
from ciao.frontends.gateway.start import facts, url
from ciao.frontends.gateway.tls import Pair
from ciao.frontends.gateway.token import Token

TOKEN = Token(text="very-secret", source="/home/me/.ciao/token, made now", file=Path("/home/me/.ciao/token"))


def told(options: Options, *, pair: Pair | None = None, token: Token | None = TOKEN) -> list[str]:
    return list(facts(options, "https://here:8889/", pair=pair, token=token, kernels=["ciao", "python3"]))


def test_the_last_line_connects_a_jupyterlab_without_the_token_in_it() -> None:
    pair = Pair(cert=Path("/home/me/my cert.pem"), key=Path("/k"), made=True)
    lines = told(Options(self_signed=True), pair=pair)
    assert lines[-1] == (
        "connect: SSL_CERT_FILE='/home/me/my cert.pem' JUPYTER_GATEWAY_AUTH_TOKEN=\"$(cat /home/me/.ciao/token)\" "
        "jupyter lab --gateway-url=https://here:8889/"
    )
    assert not any("very-secret" in line for line in lines)


def test_each_fact_has_its_line() -> None:
    options = Options(user="ann", user_header="kubeflow-userid", cull_after=60, allow_origin="https://lab.example")
    assert told(options)[:-1] == [
        "gateway: https://here:8889/",
        "TLS: none: plain HTTP",
        "token: from /home/me/.ciao/token, made now",
        "user: ann, whom the header kubeflow-userid of every request must name",
        "kernels: ciao, python3; at most 16; ended when idle for 60 s with nobody connected",
        "messages: up to 32 MiB each",
        "pages of https://lab.example may use it too",
    ]


def test_what_is_insecure_is_called_so() -> None:
    lines = told(Options(ip="0.0.0.0", insecure_http=True, insecure_no_token=True), token=None)
    assert "TLS: none: plain HTTP, as --insecure-http says; TLS must end before it" in lines
    assert "token: none, as --insecure-no-token says: whoever reaches it runs code as you" in lines
    assert lines[-1] == "connect: jupyter lab --gateway-url=https://here:8889/"


def test_an_address_is_one_that_a_client_can_use() -> None:
    assert url(Options(self_signed=True), 1234, "here") == "https://127.0.0.1:1234/"
    assert url(Options(ip="::1", base_url="/a/"), 1234, "here") == "http://[::1]:1234/a/"
    assert url(Options(ip="0.0.0.0", self_signed=True), 1234, "here") == "https://here:1234/"
