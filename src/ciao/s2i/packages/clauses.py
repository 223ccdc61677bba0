"""The versions of one requirement: read strictly, because two names that are glued together are a third."""

from __future__ import annotations

import re

from ciao.errors import BundleError
from ciao.s2i.packages.wanted import canonical

__all__ = ["NAME", "tidy"]

NAME = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[-A-Za-z0-9._]*[A-Za-z0-9])?)\s*(?P<extras>\[[^\]]*\])?\s*(?P<rest>.*)", re.DOTALL
)
CLAUSE = re.compile(r"===\s*\S+|(?:==|~=|!=|<=|>=|<|>)\s*[vV]?\d[\w.*+!-]*")
ONE_SIGN = re.compile(r"=\s*([vV]?\d[\w.*+!-]*)")
OTHERS = re.compile(r"\s*[A-Za-z][A-Za-z0-9._-]*(?:\[[^\]]*\])?\s*(?:[=<>~!].*)?")
"""What reads as another package, with or without a version of its own."""

EXAMPLE = "Such as torchmetrics==1.4.0 or 'pandas>=2,<3'"


def tidy(found: re.Match[str], where: str) -> str:
    """One spelling for what means the same, so that it has one key. ``found`` is a match of NAME.

    Raises BundleError for what stands behind the name and is no version: another name is never taken for one.
    """
    spec, semicolon, marker = found["rest"].partition(";")
    clauses = [one.strip() for one in _without_parentheses(spec).split(",") if one.strip()]
    for clause in clauses:
        if not CLAUSE.fullmatch(clause):
            raise _not_a_version(found, clause, where)
    if semicolon and OTHERS.fullmatch(marker) and not re.search(r"[=<>~!]", marker):
        raise _glued(found, where)
    extras = ",".join(sorted(canonical(e.strip()) for e in (found["extras"] or "[]")[1:-1].split(",") if e.strip()))
    name = canonical(found["name"]) + (f"[{extras}]" if extras else "")
    versions = ",".join(sorted(re.sub(r"\s+", "", clause) for clause in clauses))
    return f"{name}{versions}" + (f" ; {' '.join(marker.split())}" if semicolon else "")


def _without_parentheses(spec: str) -> str:
    """As metadata of old packages have it: ``numpy (>=1.20)``."""
    bare = spec.strip()
    return bare[1:-1] if bare.startswith("(") and bare.endswith(")") else bare


def _not_a_version(found: re.Match[str], clause: str, where: str) -> BundleError:
    written = _shown(found)
    if one := ONE_SIGN.fullmatch(clause):
        meant = f"{found['name']}{found['extras'] or ''}=={one[1]}"
        return BundleError(f"{where}: {written} has one = where two belong", hint=f"Did you mean {meant}?")
    if clause.startswith("::"):
        message = f"{where}: {written} names a channel of conda, and packages come from indexes as pip's do"
        return BundleError(message, hint=f"Write {clause[2:].strip() or 'the name'} alone")
    if OTHERS.fullmatch(clause):
        return _glued(found, where)
    if re.fullmatch(r"[=<>~!]+", clause):
        return BundleError(f"{where}: {written} ends where a version belongs", hint=EXAMPLE)
    return BundleError(f"{where}: {clause[:80]!r} behind {found['name']} is not a version", hint=EXAMPLE)


def _glued(found: re.Match[str], where: str) -> BundleError:
    apart = " ".join(re.sub(r"[,;]\s*(?=[A-Za-z])", " ", _shown(found)).split())
    message = f"{where}: {_shown(found)} is more than one package, and it is not said where one ends"
    return BundleError(
        message, hint=f"Separate packages by spaces: %package={apart}, and in a file write each on a line"
    )


def _shown(found: re.Match[str]) -> str:
    return re.sub(r",(?=[A-Za-z])", ", ", found[0].strip())[:120]
