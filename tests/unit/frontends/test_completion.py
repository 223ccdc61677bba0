"""What Shift-Tab on a magic line explains."""

from __future__ import annotations

import pytest

from ciao.commands.help import help_text
from ciao.frontends.notebook.completion import explained


@pytest.mark.parametrize(
    ("line", "topic"),
    [
        ("%ciao", None),
        ("%ciao ", None),
        ("%ciao help ", None),
        ("%ciao help", None),
        ("%ciao help logs", "logs"),
        ("%ciao help worker", "worker"),
        ("%ciao logs", "logs"),
        ("%ciao logs pytorch-x1 --tail 4", "logs"),
        ("  %ciao --json jobs", "jobs"),
    ],
)
def test_a_command_is_explained_as_its_help_does(line: str, topic: str | None) -> None:
    text = f"a = 1\n{line}\nprint(a)"

    for cursor in (text.index("%") + 1, text.index("\nprint")):
        assert explained(text, cursor) == help_text(topic, in_cell=True)


def test_a_word_that_is_no_command_is_told_and_not_left_to_python() -> None:
    told = explained("%ciao print ", len("%ciao print "))

    assert told is not None
    assert told.startswith("there is no command 'print'")


def test_what_is_no_command_of_ours_is_explained_by_others() -> None:
    assert explained("%ciaos help", 11) is None
    assert explained("ciao help", 9) is None
    assert str(explained("%worker=2", 3)).startswith("%worker=")
