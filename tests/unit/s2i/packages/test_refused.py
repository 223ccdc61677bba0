"""What uv says, in words for a person."""

from __future__ import annotations

import pytest

from ciao.s2i.packages.refused import Asked, refusal


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
        (
            (
                "error: No solution found when resolving dependencies\n  cause: Because naturalsort was not found in "
                "the cache and you require naturalsort, we can conclude that your requirements are unsatisfiable.\n\n"
                "hint: Packages were unavailable because the network was disabled."
            ),
            "naturalsort was never downloaded here, and UV_OFFLINE forbids that now",
            "Unset UV_OFFLINE",
        ),
        (
            (
                "error: Failed to read `x @ file:///here/x-1.0-py3-none-any.whl`\n  cause: Failed to read metadata\n"
                "  cause: Failed to read from zip file\n  cause: unable to locate the end of central directory record"
            ),
            "x @ file:///here/x-1.0-py3-none-any.whl is damaged",
            "anew",
        ),
        ("error: something new", "the packages cannot be installed: something new", ""),
        ("error: No solution found\n  cause: Because " + "a depends on b and " * 999, "...", ""),
    ],
)
def test_a_refusal_says_what_failed_and_what_to_do(said: str, message: str, hint: str) -> None:
    error = refusal(said, Asked(python="3.11", platform="glibc 2.36"))
    assert message in error.message
    assert hint in error.hint
    assert len(error.message) < 800


MISSING = "error: No solution\n  cause: Because {} was not found in the package registry and you require {}, we can"


@pytest.mark.parametrize(
    ("indexes", "hint"),
    [
        (("https://pypi.org/simple",), "See how it is spelled, and add its index with --extra-index-url"),
        (
            ("https://a.example/simple", "https://b.example/simple"),
            "Asked were https://a.example/simple, https://b.example/simple",
        ),
        (("https://pypi.org",), "Is https://pypi.org the page with all packages? Most indexes have that at "),
        (("https://pypi.org",), "https://pypi.org/simple"),
    ],
)
def test_a_package_that_no_index_has_tells_which_were_asked(indexes: tuple[str, ...], hint: str) -> None:
    said = MISSING.format("arrow", "arrow")
    error = refusal(said, Asked(python="3.11", platform="glibc 2.36", indexes=indexes))
    assert error.message == "no index has a package arrow"
    assert hint in error.hint


def test_a_module_that_is_installed_by_another_name_is_told_that() -> None:
    said = "No solution found  cause: Because all versions of sklearn have no usable wheels and you require sklearn, we"
    error = refusal(said, Asked(python="3.11", platform="glibc 2.36", several=False))
    assert error.message.startswith("sklearn has no wheel")
    assert error.hint == "sklearn is the name to import: the package is called scikit-learn"
    assert "pillow" in refusal(MISSING.format("pil", "pil"), Asked(python="3.11", platform="x")).hint


def test_one_package_alone_is_not_said_to_go_together_with_others() -> None:
    said = "error: No solution found\n  cause: Because a==1 needs b and b is odd, we can conclude that x"
    error = refusal(said, Asked(python="3.11", platform="x", several=False))
    assert "go together" not in error.message
    assert "a==1 needs b" in error.message


def test_a_folder_that_lives_for_a_moment_is_not_named() -> None:
    said = "error: Distribution not found at: file:///home/me/.ciao/packages/.new-1x/odd"
    error = refusal(said, Asked(python="3.11", platform="x", scratch="/home/me/.ciao/packages/.new-1x"))
    assert error.message == "the packages cannot be installed: Distribution not found at: odd"
