"""What the gateway was told, and what it refuses to be told."""

from __future__ import annotations

from pathlib import Path

import pytest

from ciao.commands.table import BY_NAME
from ciao.errors import CommandError
from ciao.frontends.gateway.options import READERS, Options, read

PAIR = {"certfile": "/tls/cert.pem", "keyfile": "/tls/key.pem"}


def test_without_options_it_serves_this_machine_alone() -> None:
    assert read({}, {}) == Options()
    assert (Options().ip, Options().port, Options().local, Options().tls) == ("127.0.0.1", 8889, True, False)


def test_every_option_of_the_table_is_read_and_no_other() -> None:
    assert {argument.field for argument in BY_NAME["gateway"].arguments} == set(READERS)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("ip", "[::1]", "::1"),
        ("port", "0", 0),
        ("base_url", "notebook/team/mine", "/notebook/team/mine/"),
        ("base_url", "//", "/"),
        ("user", "ann@example.org", "ann@example.org"),
        ("allow_origin", "https://Lab.example:8888/", "https://lab.example:8888"),
        ("cull_after", "2h", 7200.0),
        ("cull_after", "0", 0.0),
        ("max_kernels", "3", 3),
        ("max_message", "1Mi", 2**20),
        ("insecure_no_token", "1", True),
        ("token_file", "/secret/token", Path("/secret/token")),
    ],
)
def test_a_value_is_read_from_the_command_line_as_from_a_variable(name: str, text: str, value: object) -> None:
    assert getattr(read({name: text}, {}), name) == value
    assert getattr(read({}, {f"CIAO_GATEWAY_{name.upper()}": text}), name) == value


def test_the_command_line_wins() -> None:
    assert read({"port": "1", "self_signed": False}, {"CIAO_GATEWAY_PORT": "2"}).port == 1


def test_a_notebook_of_kubeflow_is_served_below_its_prefix() -> None:
    prefix = {"NB_PREFIX": "/notebook/team/mine"}
    assert read({}, prefix).base_url == "/notebook/team/mine/"
    assert read({"base_url": "/"}, prefix).base_url == "/"
    with pytest.raises(CommandError, match=r"NB_PREFIX is '/a/\.\./b', but must be a path"):
        read({}, {"NB_PREFIX": "/a/../b"})


def test_what_kubernetes_sets_for_a_service_of_this_name_is_no_port() -> None:
    assert read({}, {"CIAO_GATEWAY_PORT": "tcp://10.96.0.7:8889"}).port == 8889


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("ip", "example.org", "--ip is 'example.org', but must be an address of this machine"),
        ("port", "65536", "--port is '65536', but must be a number below 65536"),
        ("base_url", "/a/../b", "--base-url is '/a/../b', but must be a path"),
        ("base_url", "/a?b", "--base-url is '/a?b', but must be a path"),
        ("user", "two words", "--user is 'two words', but must be one word"),
        ("user_header", "a: b", "--user-header is 'a: b', but must be the name of a header"),
        ("allow_origin", "*", "--allow-origin is '*', but must be one origin"),
        (
            "allow_origin",
            "https://a.example/path",
            "--allow-origin is 'https://a.example/path', but must be one origin",
        ),
        ("cull_after", "soon", "--cull-after is 'soon', which is not a length of time. Write it as 90s"),
        ("max_kernels", "0", "--max-kernels is '0', but must be a whole number, 1 or more"),
        ("max_message", "1", "--max-message is '1', but must be 64Ki or more"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(name: str, text: str, said: str) -> None:
    with pytest.raises(CommandError) as told:
        read({name: text}, {})
    assert str(told.value).startswith(said)


def test_a_wrong_variable_is_told_by_its_name() -> None:
    with pytest.raises(CommandError, match=r"CIAO_GATEWAY_INSECURE_HTTP is 'yes', but must be 1 or 0"):
        read({}, {"CIAO_GATEWAY_INSECURE_HTTP": "yes"})


@pytest.mark.parametrize("ip", ["0.0.0.0", "::", "10.1.2.3"])
def test_it_listens_on_more_than_this_machine_only_with_tls_or_so_many_words(ip: str) -> None:
    with pytest.raises(CommandError, match=rf"would listen on {ip} without TLS.*--insecure-http where TLS ends before"):
        read({"ip": ip}, {})
    assert not read({"ip": ip, **PAIR}, {}).local
    assert not read({"ip": ip, "self_signed": True}, {}).local
    assert not read({"ip": ip, "insecure_http": True}, {}).tls


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"certfile": "/x"}, "--certfile and --keyfile belong together"),
        ({"keyfile": "/x"}, "--certfile and --keyfile belong together"),
        ({**PAIR, "self_signed": True}, "--self-signed makes a certificate, --certfile names one"),
        ({"user_header": "kubeflow-userid"}, "--user-header needs the one name that it must bear"),
        ({"insecure_no_token": True, "token_file": "/x"}, "--token-file gives a token, --insecure-no-token takes none"),
    ],
)
def test_options_that_contradict_each_other_are_refused(given: dict[str, str | bool], said: str) -> None:
    with pytest.raises(CommandError) as told:
        read(given, {})
    assert str(told.value).startswith(said)


def test_a_token_in_the_environment_contradicts_having_none() -> None:
    with pytest.raises(CommandError, match="JUPYTER_TOKEN gives a token"):
        read({"insecure_no_token": True}, {"JUPYTER_TOKEN": "x"})
