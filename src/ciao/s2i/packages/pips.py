"""The options that pip takes beside names of packages, and what each means here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ciao.errors import BundleError, did_you_mean

__all__ = ["OPTIONS", "joined", "option"]

OPTIONS: Mapping[str, str] = {
    "-r": "file", "--requirement": "file", "--requirements": "file",
    "-c": "constraints", "--constraint": "constraints", "--constraints": "constraints",
    "-i": "index", "--index-url": "index", "--default-index": "index",
    "--extra-index-url": "extra", "--index": "extra",
    "-f": "links", "--find-links": "links",
    "--no-index": "no-index", "--pre": "pre",
    "--trusted-host": "trusted",
    "--hash": "hash",
    "--only-binary": "ignored", "--prefer-binary": "nothing", "--require-hashes": "nothing",
    "-e": "editable", "--editable": "editable",
    "--no-binary": "source",
}  # fmt: skip
"""Each option's meaning. Wheels are all that is ever installed, so what asks for that changes nothing."""

_ONE_OF_PIPS = {
    **dict.fromkeys(
        ("-U", "--upgrade", "--upgrade-strategy", "--force-reinstall", "-I", "--ignore-installed"),
        "What the image has is kept if it fits: name the version to have a newer one, such as 'einops>=0.8'",
    ),
    "--no-deps": "What a package needs comes along, unless the image has it",
    **dict.fromkeys(
        ("-q", "--quiet", "-v", "--verbose", "-y", "--user", "--no-cache-dir", "--no-input", "--progress-bar"),
        "Leave it out: packages go into the image, or beside the Python of this machine",
    ),
    **dict.fromkeys(("-t", "--target", "--prefix", "--root"), "Leave it out: where packages go is not to be chosen"),
}
"""Options of pip that say nothing here, with what to know or to write in place of each."""

_ALONE = frozenset({"no-index", "pre", "nothing"})
"""Meanings of options that take no value."""

_JOINED_AFTER = re.compile(r"[=<>~!,;@]$")
_JOINED_BEFORE = re.compile(r"[=<>~!,;@\[]")


def joined(words: Sequence[str]) -> Iterator[str]:
    """``numpy >= 2`` is one requirement, as in a requirements file. Options and their values stay as they are."""
    current, is_value = "", False
    for word in words:
        if word.startswith("-") or is_value:
            yield from filter(None, (current, word))
            current, is_value = "", not is_value and OPTIONS.get(word, "nothing") not in _ALONE
        elif current and (_JOINED_AFTER.search(current) or _JOINED_BEFORE.match(word)):
            space = " " if word.startswith(("@", ";")) or current.endswith(("@", ";")) else ""
            current += space + word
        else:
            yield from filter(None, (current,))
            current = word
    yield from filter(None, (current,))


def option(word: str, rest: list[str], where: str) -> tuple[str, str]:
    """The option and its value, which may be joined to it: ``--index-url=URL``, ``-rfile``."""
    name, equals, value = word.partition("=")
    if name not in OPTIONS and word[:2] in OPTIONS and not word.startswith("--"):
        name, equals, value = word[:2], "=", word[2:]
    if name in _ONE_OF_PIPS:
        raise BundleError(f"{where}: {name} has no meaning for packages of a cell", hint=_ONE_OF_PIPS[name])
    if name not in OPTIONS:
        near = did_you_mean(name, OPTIONS, before=" ").strip()
        raise BundleError(
            f"{where}: {name} is not an option of packages", hint=near or f"There are {', '.join(_taken())}"
        )
    if OPTIONS[name] in _ALONE:
        return name, ""
    if not equals and not rest:
        raise BundleError(f"{where}: {name} needs a value")
    return name, value if equals else rest.pop(0)


def _taken() -> list[str]:
    return [o for o, meaning in OPTIONS.items() if o.startswith("--") and meaning not in ("editable", "source")]
