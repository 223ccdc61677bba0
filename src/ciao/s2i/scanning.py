"""Secrets in what is about to be sent: everybody who can pull the image, or read the namespace, would read them.

A pattern for each kind of credential that can be told by its shape, and one for values that are given to names such as
``password``. None repeats without a bound, so that time is linear in the text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

__all__ = ["Finding", "scan"]

TEXT = 8192
"""A file with a zero byte among its first ones is no text, as git decides."""

MOST = 1000
"""Findings of one kind in one file after which nobody counts."""

ALLOWED = (b"pragma: allowlist secret", b"gitleaks:allow", b"ciao: no secret")
"""A comment that says so in the line; the first two are those of other scanners."""


@dataclass(frozen=True, order=True)
class Finding:
    """A secret: in which line, counted from 1, and of which kind. Never what it is."""

    line: int
    kind: str


def _varied(value: bytes) -> bool:
    """Not as in an example: ``hf_xxxx``."""
    return len(set(value)) > 8 and b"EXAMPLE" not in value.upper()


def _mixed(value: bytes) -> bool:
    """Letters and digits at random, and not words."""
    digits = sum(48 <= byte <= 57 for byte in value)
    letters = sum(byte | 32 in range(97, 123) for byte in value)
    return digits > 0 and letters > 0 and _entropy(value) >= 3.0 and b"EXAMPLE" not in value.upper()


def _entropy(value: bytes) -> float:
    """Bits for each character."""
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(share * math.log2(share) for share in shares)


_PLACEHOLDER = re.compile(
    rb"(?i)(?:your|my|the|some|insert|enter)?[-_ ]?(?:pass(?:word|phrase|wd)?|pwd|secret|token|key|change[-_ ]?me|"
    rb"example|sample|dummy|fake|test(?:ing)?|placeholder|redacted|hidden|none|null|true|false|todo|xxx+|\*+|\.+|x+)"
    rb"(?:[-_ ]?(?:here|goes here|123|1234|word|value))?"
)
_NOT_A_VALUE = re.compile(rb"[${}<>()\[\]|]|%\(|://|^[./~]|\\n")


def _password(value: bytes) -> bool:
    """Anything but an example, a template, a path, a word or a sentence."""
    if _NOT_A_VALUE.search(value) or b" " in value:
        return False
    word = value.isalpha() and value.islower()
    return not word and _PLACEHOLDER.fullmatch(value) is None and len(set(value)) > 3


def _token(value: bytes) -> bool:
    return len(value) >= 16 and _password(value) and _mixed(value)


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """``marks``: one of these is in every text that the pattern finds something in. Its last group is the secret.

    ``small``: capitals do not count. ``alone``: there is nothing but the end of a name before it in its line.
    """

    kind: str
    marks: tuple[bytes, ...]
    pattern: bytes
    real: Callable[[bytes], bool]
    small: bool = False
    alone: bool = False


def _rule(kind: str, marks: str, pattern: str, real: Callable[[bytes], bool]) -> _Rule:
    return _Rule(kind=kind, marks=tuple(marks.encode().split()), pattern=pattern.encode(), real=real)


_START = r"(?<![A-Za-z0-9_-])"

SHAPES = (
    _rule("an AWS access key", "AKIA ASIA", _START + r"((?:AKIA|ASIA)[A-Z0-9]{16})(?![A-Za-z0-9])", _mixed),
    _rule("a Google API key", "AIza", _START + r"(AIza[A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])", _mixed),
    _rule("a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", _START + r"(gh[pousr]_[A-Za-z0-9]{36,255})", _mixed),
    _rule("a GitHub token", "github_pat_", r"(github_pat_[A-Za-z0-9_]{22,255})", _mixed),
    _rule("a GitLab token", "glpat-", r"(glpat-[A-Za-z0-9_-]{20,255})", _mixed),
    _rule("a Hugging Face token", "hf_", _START + r"(hf_[A-Za-z0-9]{30,255})", _varied),
    _rule("a Slack token", "xox", _START + r"(xox[abeoprs]-[A-Za-z0-9-]{10,255})", _mixed),
    _rule("a Slack web hook", "hooks.slack.com", r"(hooks\.slack\.com/services/[A-Za-z0-9/]{20,255})", _varied),
    _rule("an OpenAI or Anthropic key", "sk-", _START + r"(sk-[A-Za-z0-9_-]{20,255})", _mixed),
    _rule("a Stripe key", "sk_live_ rk_live_", _START + r"([sr]k_live_[A-Za-z0-9]{20,255})", _varied),
    _rule("a Docker token", "dckr_pat_", r"(dckr_pat_[A-Za-z0-9_-]{20,255})", _varied),
    _rule("an npm token", "npm_", _START + r"(npm_[A-Za-z0-9]{36})(?![A-Za-z0-9])", _mixed),
    _rule("a PyPI token", "pypi-AgE", r"(pypi-AgE[A-Za-z0-9_-]{50,1000})", _varied),
    _rule(
        "a private key", "PRIVATE KEY-----",
        r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:\\r|\\n|\s){0,8}[A-Za-z0-9+/=:, -]{20})", _varied,
    ),
    _rule(
        "a password in an address", "://",
        r"""://[^\s:/@'"<>{}$]{0,64}:([^\s:/@'"<>{}$]{3,128})@[A-Za-z0-9\[]""", _password,
    ),
)  # fmt: skip
"""What can be told by itself."""

PASSWORDS = ("password", "passwd", "passphrase", "pwd", "_pass")
TOKENS = (
    "secret",
    "token",
    *(f"{of}{dash}key" for of in ("api", "access", "secret", "auth") for dash in ("", "_", "-")),
)

_ASSIGNED = r"""["']?\]?\s{0,4}(?::\s{0,2}str\s{0,2})?[:=]\s{0,4}"""
_QUOTED = r"""[rbuf]{0,2}(?:"([^"\s]{6,200})"|'([^'\s]{6,200})')"""
_AWS = r"""["']?([a-z0-9/+=]{40,1500})"""
_BARE = r"[ \t]{0,4}[:=][ \t]{0,4}([a-z0-9+/=~-]{16,200})[ \t\r]{0,4}(?=\n|\Z)"


def _named(kind: str, word: str, value: str, real: Callable[[bytes], bool], *, alone: bool = False) -> _Rule:
    pattern = (re.escape(word) + value).encode()
    return _Rule(kind=kind, marks=(word.encode(),), pattern=pattern, real=real, small=True, alone=alone)


NAMES = (
    *(
        _named("an AWS secret key", f"aws_{w}", _ASSIGNED + _AWS, _mixed)
        for w in ("secret_access_key", "session_token")
    ),
    *(_named("a password", word, _ASSIGNED + _QUOTED, _password) for word in PASSWORDS),
    *(_named("a secret", word, _ASSIGNED + _QUOTED, _token) for word in TOKENS),
    *(_named("a secret", word, _BARE, _token, alone=True) for word in (*PASSWORDS, *TOKENS)),
)
"""What is called so: a pattern for each word, as a search for fixed letters is the fastest. The last are for .env, YAML
and INI, which do not quote; code has names and calls there."""

RULES = (*SHAPES, *NAMES)

_BEFORE = re.compile(rb"(?:^|\n)[ \t]{0,40}[\w.-]{0,60}\Z")


def scan(content: bytes) -> list[Finding]:
    """What looks like a secret, in the order of lines; nothing for what is no text."""
    if b"\0" in content[:TEXT]:
        return []
    small = content.lower()
    found = {at: rule.kind for rule in reversed(RULES) for at in islice(_places(rule, content, small), MOST)}
    return list(_findings(content, found))


def _places(rule: _Rule, content: bytes, small: bytes) -> Iterator[int]:
    text = small if rule.small else content
    for mark in rule.marks:  # a plain loop: this is what most rules come to, for every cell
        if mark in text:
            break
    else:
        return
    for match in re.finditer(rule.pattern, text):  # compiled, and kept, only now: most are never needed
        if rule.alone and not _BEFORE.search(content[max(0, match.start() - 101) : match.start()]):
            continue
        start, end = match.span(match.lastindex or 0)
        if rule.real(content[start:end]):
            yield start


def _findings(content: bytes, found: dict[int, str]) -> Iterator[Finding]:
    """One for each kind in each line, in one pass over the text."""
    line, counted, end = 1, 0, -1
    told: set[str] = set()
    for at in sorted(found):
        if at > end:
            line += content.count(b"\n", counted, at)
            counted = at
            end = content.find(b"\n", at)
            end = len(content) if end < 0 else end
            allowed = any(word in content[content.rfind(b"\n", 0, at) + 1 : end] for word in ALLOWED)
            told = set(found.values()) if allowed else set()
        if found[at] not in told:
            told.add(found[at])
            yield Finding(line, found[at])
