"""Who issues the tokens of a registry: `python -m cluster.tokens FOLDER`, by the rules of docker-registry.

It answers GET with Basic authentication, and POST with grant_type=password or refresh_token. A token grants what the
user may do of what was asked for, so it may grant nothing: the registry then refuses. A wrong password is refused here.
"""

from __future__ import annotations

import base64
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PUBLIC = "public/"
"""Repositories below it are pulled by everyone."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user's password, and what is allowed to him in every repository."""

    password: str = field(repr=False)
    actions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Issuer:
    """What the registry knows it by: its name, the service it issues for, and its certificate."""

    address: str
    name: str = "ciao-tokens"
    service: str = "ciao-registry"
    seconds: int = 60  # the shortest that clients of registries must expect
    accounts: Mapping[str, Account]
    folder: Path

    @property
    def certificate(self) -> Path:
        """The registry's rootcertbundle."""
        return self.folder / "tokens.crt"

    def token(self, user: str, scopes: list[str], *, now: float | None = None) -> str:
        """Signed; `now` makes one of another time."""
        actions = self.accounts[user].actions if user else ()
        issued = int(time.time() if now is None else now)
        times = {"iat": issued, "nbf": issued, "exp": issued + self.seconds}
        access = [one for scope in scopes if (one := granted(scope, actions))["actions"]]
        claims = {"iss": self.name, "aud": self.service, "sub": user, "jti": secrets.token_hex(8), "access": access}
        return self._sign({**claims, **times})

    def _sign(self, claims: Mapping[str, object]) -> str:
        chain = "".join(line for line in self.certificate.read_text().splitlines() if "-----" not in line)
        header = {"typ": "JWT", "alg": "RS256", "x5c": [chain]}
        signed = ".".join(_encode(json.dumps(part).encode()) for part in (header, claims))
        command = ["openssl", "dgst", "-sha256", "-sign", str(self.folder / "tokens.key")]
        signature = subprocess.run(command, input=signed.encode(), capture_output=True, check=True).stdout
        return f"{signed}.{_encode(signature)}"


def granted(scope: str, actions: tuple[str, ...]) -> dict[str, object]:
    """What of `repository:NAME:ACTION,ACTION` is given to a user with these actions. A name may have a colon."""
    kind, _, rest = scope.partition(":")
    name, _, wanted = rest.rpartition(":")
    allowed = {*actions, "pull"} if name.startswith(PUBLIC) else set(actions)
    given = [action for action in wanted.split(",") if action in allowed] if kind == "repository" else []
    return {"type": kind, "name": name, "actions": given}


def load(folder: Path) -> Issuer:
    """As `cluster.registries` has saved it there."""
    saved = json.loads((folder / "tokens.json").read_text())
    accounts = {
        user: Account(password=one["password"], actions=tuple(one["actions"]))
        for user, one in saved["accounts"].items()
    }
    return Issuer(address=saved["address"], accounts=accounts, folder=folder)


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    def __init__(self, issuer: Issuer, refreshing: dict[str, str], *socket: object) -> None:
        self._issuer, self._refreshing = issuer, refreshing
        super().__init__(*socket)  # type: ignore[arg-type] # the three that a server gives

    def do_GET(self) -> None:
        """As most clients ask."""
        asked = parse_qs(urlsplit(self.path).query)
        kind, _, encoded = self.headers.get("Authorization", "").partition(" ")
        user, _, password = base64.b64decode(encoded).decode().partition(":") if kind == "Basic" else ("", "", "")
        if user and not self._right(user, password):
            return self._refuse()
        return self._answer(user, asked, offline="true" in asked.get("offline_token", []))

    def do_POST(self) -> None:
        """As containerd asks first, and as an identity token is used."""
        asked = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        one = {name: values[0] for name, values in asked.items()}
        if one.get("grant_type") == "refresh_token":
            user = self._refreshing.get(one.get("refresh_token", ""), "")
        else:
            user = one.get("username", "") if self._right(one.get("username", ""), one.get("password", "")) else ""
        if not user:
            return self._refuse()
        return self._answer(user, asked, offline=one.get("access_type") == "offline")

    def _right(self, user: str, password: str) -> bool:
        account = self._issuer.accounts.get(user)
        return account is not None and secrets.compare_digest(account.password.encode(), password.encode())

    def _answer(self, user: str, asked: dict[str, list[str]], *, offline: bool) -> None:
        scopes = [scope for value in asked.get("scope", []) for scope in value.split()]
        token = self._issuer.token(user, scopes)
        answer: dict[str, object] = {"token": token, "access_token": token, "expires_in": self._issuer.seconds}
        if user and offline:
            answer["refresh_token"] = secrets.token_urlsafe(24)
            self._refreshing[str(answer["refresh_token"])] = user
        self._send(200, answer)

    def _refuse(self) -> None:
        self._send(401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong user, password or refresh token"}]})

    def _send(self, status: int, answer: object) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def main(folder: str) -> None:
    """Serve for ever."""
    issuer = load(Path(folder))
    host, _, port = issuer.address.partition(":")
    ThreadingHTTPServer((host, int(port)), partial(_Handler, issuer, {})).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
