"""The error of a tool: which step, which code, its last words, and a way out."""

from __future__ import annotations

import pytest

from ciao.s2i.command import failure
from ciao.s2i.command.finding import Found
from ciao.s2i.command.table import TOOLS


def of(*lines: str, tool: str = "podman", code: int = 7, dockerfile: bool = False) -> str:
    found = Found(name=tool, tool=TOOLS[tool], programs={})
    return str(failure.of(f"{tool}: building", code, lines, found, dockerfile=dockerfile))


def test_step_code_and_last_words_are_shown() -> None:
    text = of(*(f"line {i}" for i in range(100)), "make: *** no rule")
    assert text.startswith("podman: building failed with exit code 7. It said:\n")
    assert text.count("\n    ") == failure.SHOWN
    assert "    make: *** no rule\nCorrect what it complains about, or use %s2i=append" in text


def test_append_is_no_way_out_for_a_dockerfile_of_the_users() -> None:
    assert of("COPY no.txt: no such file", dockerfile=True).endswith("\nCorrect what it complains about.")


def test_what_daemons_put_before_a_line_is_left_out() -> None:
    assert '    "RUN false"\n' in of('time="2026-11-23T09:13:41Z" level=info msg="RUN false"', tool="kaniko")


def test_a_signal_is_none_of_its_codes() -> None:
    assert "was ended by signal 9" in of(code=-9)
    assert "It said: nothing" in of(code=-9)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("unauthorized: authentication required", "s2i.password"),
        ("http: server gave HTTP response to HTTPS client", "s2i.insecure"),
        ("x509: certificate signed by unknown authority", "s2i.ca"),
        ("write /x: no space left on device", "Free some space"),
        ("/usr/bin/python3: No module named pip", "that has pip"),
        ("Error during unshare(CLONE_NEWUSER): Operation not permitted", "BUILDAH_ISOLATION=chroot"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "registry run"),
    ],
)
def test_known_causes_have_their_way_out(line: str, words: str) -> None:
    assert words in of(line).partition(line)[2]


@pytest.mark.parametrize("tool", ["docker", "buildkit"])
def test_where_a_daemon_decides_about_tls_it_is_named(tool: str) -> None:
    assert f"{TOOLS[tool].daemon} decides about that" in of("x509: certificate signed by unknown authority", tool=tool)
