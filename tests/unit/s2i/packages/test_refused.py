"""What uv says, in words for a person."""

from __future__ import annotations

import pytest

from ciao.s2i.packages.refused import refusal


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        (
            "error: Failed to install: x\n  cause: No space left on device (os error 28)",
            "the disk is full: the packages do not fit on it",
            "UV_CACHE_DIR",
        ),
        (
            (
                "error: Request failed after 3 retries\n  cause: Failed to fetch: `https://pypi.org/simple/x/`\n"
                "  cause: error sending request\n  cause: dns error: Name or service not known"
            ),
            "https://pypi.org/simple/x/ cannot be reached: dns error: Name or service not known",
            "HTTPS_PROXY",
        ),
        (
            (
                "error: No solution found when resolving dependencies\n  cause: Because the requested Python version "
                "(>=3.9.0) does not satisfy Python>=3.10 and numpy==2.2.6 depends on Python>=3.10, we can conclude "
                "that numpy==2.2.6 cannot be used.\n   And because you require numpy==2.2.6, we can conclude that your "
                "requirements are unsatisfiable."
            ),
            "Python>=3.10 is needed",
            "newer Python",
        ),
        (
            (
                "error: No solution found when resolving dependencies\n  cause: Because pandas==2.2.3 depends on "
                "numpy{python_full_version < '3.12'}>=1.23.2 and you require pandas==2.2.3, we can conclude that you "
                "require numpy>=1.23.2.\n         And because you require numpy<1.20, we can conclude that your "
                "requirements are unsatisfiable."
            ),
            (
                "the packages do not go together: pandas==2.2.3 depends on numpy>=1.23.2 and the cell asks for "
                "pandas==2.2.3; the cell asks for numpy<1.20"
            ),
            "",
        ),
        ("error: something new", "the packages cannot be installed: something new", ""),
        ("error: No solution found\n  cause: Because " + "a depends on b and " * 999, "...", ""),
    ],
)
def test_a_refusal_says_what_failed_and_what_to_do(said: str, message: str, hint: str) -> None:
    error = refusal(said, python="3.11", platform="glibc 2.36")
    assert message in error.message
    assert hint in error.hint
    assert len(error.message) < 800
