"""What registries ask for, in the words that they use."""

from __future__ import annotations

import pytest

from ciao.s2i.registry.challenge import Challenge, choose, parse

TOKEN = Challenge(
    scheme="bearer", realm="https://auth.example/token", service="r", scopes=frozenset({"repository:a:pull"})
)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('Basic realm="a registry"', (Challenge(scheme="basic", realm="a registry"),)),
        ("basic realm=r", (Challenge(scheme="basic", realm="r"),)),
        ("Basic", (Challenge(scheme="basic"),)),
        ('Bearer realm="https://auth.example/token",service="r",scope="repository:a:pull"', (TOKEN,)),
        ('bearer REALM="https://auth.example/token", Service = "r" ,scope="repository:a:pull",error="x"', (TOKEN,)),
        (
            'Bearer realm="u",scope="repository:a:pull,push repository:b:pull"',
            (Challenge(scheme="bearer", realm="u", scopes=frozenset({"repository:a:pull,push", "repository:b:pull"})),),
        ),
        ('Basic realm="a, b=c"', (Challenge(scheme="basic", realm="a, b=c"),)),
        (r'Basic realm="say \"r\""', (Challenge(scheme="basic", realm='say "r"'),)),
        ("Negotiate abc123==", (Challenge(scheme="negotiate"),)),
        ('Negotiate, Basic realm="r"', (Challenge(scheme="negotiate"), Challenge(scheme="basic", realm="r"))),
        (
            'Basic realm="r", Bearer realm="u", service="s"',
            (Challenge(scheme="basic", realm="r"), Challenge(scheme="bearer", realm="u", service="s")),
        ),
        ("", ()),
        (",,,", ()),
        ('="x"', ()),
    ],
)
def test_a_header_is_read(header: str, found: tuple[Challenge, ...]) -> None:
    assert parse([header]) == found


def test_a_token_is_chosen_over_a_password_wherever_it_stands() -> None:
    assert choose(parse(['Basic realm="r"', 'Bearer realm="u"'])) == Challenge(scheme="bearer", realm="u")
    assert choose(parse(["Digest realm=r"])) is None
