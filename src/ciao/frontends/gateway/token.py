"""The token: from a file, from the environment, or made once and kept where only this user reads it."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ciao.errors import CiaoError
from ciao.frontends.gateway.options import MINIMAL_TOKEN, TOKEN_VARIABLE, Options
from ciao.home import make_private

__all__ = ["Token", "find"]


@dataclass(frozen=True, kw_only=True)
class Token:
    """``source`` is for people; ``file`` is where it can be read, if anywhere."""

    text: str = field(repr=False)
    source: str
    file: Path | None = None


def find(options: Options, environ: Mapping[str, str], home: Path) -> Token | None:
    """What clients must give; None only where the user said so. Raises CiaoError."""
    if options.insecure_no_token:
        return None
    if options.token_file:
        return _checked(
            Token(text=_read(options.token_file), source=str(options.token_file), file=options.token_file), options
        )
    if text := environ.get(TOKEN_VARIABLE, "").strip():
        return _checked(Token(text=text, source=TOKEN_VARIABLE), options)
    return _checked(_kept(home / "gateway" / "token"), options)


def _kept(file: Path) -> Token:
    """Of the last time, or a new one. Two gateways that begin at once have the same."""
    try:
        make_private(file.parent)
        if file.exists():
            return _private(Token(text=_read(file), source=str(file), file=file))
        with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".token-") as new:  # for this user alone
            new.write(secrets.token_hex(24) + "\n")
            new.flush()
            with suppress(FileExistsError):
                os.link(new.name, file)
    except OSError as error:
        raise CiaoError(
            f"a token cannot be kept in {file}: {error.strerror}",
            hint=f"Set CIAO_HOME to a folder that can be written, or give --token-file or {TOKEN_VARIABLE}",
        ) from error
    return Token(text=_read(file), source=f"{file}, made now", file=file)


def _private(token: Token) -> Token:
    if token.file and token.file.stat().st_mode & 0o077:
        raise CiaoError(f"others may read the token in {token.file}", hint="Remove it: the next start makes a new one")
    return token


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        words = error.strerror if isinstance(error, OSError) else "it is no text"
        raise CiaoError(
            f"the token file {file} cannot be read: {words}", hint="It holds the token and nothing else"
        ) from error


def _checked(token: Token, options: Options) -> Token:
    """Never with its text."""
    if not token.text:
        raise CiaoError(f"there is no token in {token.source}", hint="It holds the token and nothing else")
    if not re.fullmatch(r"[\x21-\x7e]+", token.text):
        raise CiaoError(
            f"the token of {token.source} cannot be sent in a header", hint="Take letters and digits, without spaces"
        )
    if len(token.text) < MINIMAL_TOKEN and not options.local:
        hint = f"Take {MINIMAL_TOKEN} characters or more, such as those of: openssl rand -hex 24"
        raise CiaoError(f"the token of {token.source} is so short that it can be guessed", hint=hint)
    return token
