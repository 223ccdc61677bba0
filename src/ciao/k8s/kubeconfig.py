"""Kubeconfigs: one or several files, merged as kubectl does it; the current context as a value.

https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ciao.errors import did_you_mean
from ciao.k8s.access import Access, Basic, KeyPair, Login, Oidc, Plugin, Token, TokenFile, unusable

__all__ = ["read"]

NOTHING = ("", "~", "null")
EXTENSION = "client.authentication.k8s.io/exec"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A section of a kubeconfig, which may name files by their path from that kubeconfig."""

    what: str
    file: Path
    body: Mapping[str, Any]

    def text(self, key: str) -> str:
        """Of one key; empty if it is not there."""
        value = self.body.get(key)
        return value if isinstance(value, str) and value not in NOTHING else ""

    def flag(self, key: str) -> bool:
        return self.text(key).lower() == "true"

    def section(self, key: str) -> Entry:
        value = self.body.get(key)
        return Entry(what=f"{self.what}, {key}", file=self.file, body=value if isinstance(value, dict) else {})

    def items(self, key: str) -> list[Any]:
        value = self.body.get(key)
        return value if isinstance(value, list) else []

    def path(self, key: str) -> Path | None:
        name = self.text(key)
        return self.file.parent / Path(name).expanduser() if name else None

    def content(self, key: str) -> bytes | None:
        """Of ``key-data``, else of the file that ``key`` names."""
        if data := self.text(f"{key}-data"):
            return self._decoded(f"{key}-data", data)
        path = self.path(key)
        if path is None:
            return None
        try:
            return path.read_bytes()
        except OSError as error:
            raise self.wrong(f"{key} is {path}, which cannot be read: {error.strerror}") from None

    def _decoded(self, key: str, data: str) -> bytes:
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except binascii.Error:
            raise self.wrong(f"{key} is not base64") from None

    def wrong(self, problem: str) -> Exception:
        """What is wrong with it; never shows a value that may be secret."""
        return unusable(f"{self.file}: {self.what}: {problem}", hint="Correct the kubeconfig")


def read(files: Sequence[Path]) -> Access:
    """The current context of these files: of two entries of one name the first counts, as for kubectl.

    Raises BackendUnavailable, which names the file and what is wrong with it.
    """
    roots = [Entry(what="it", file=file, body=_parsed(file)) for file in files]
    current = next(filter(None, (root.text("current-context") for root in roots)), "")
    shown = ", ".join(str(file) for file in files)
    if not current:
        hint = "Choose a context with `kubectl config use-context NAME`"
        raise unusable(f"{shown}: no context is chosen (current-context)", hint=hint)
    context = _named(roots, "context", current, shown=shown)
    cluster = _named(roots, "cluster", context.text("cluster"), shown=shown)
    user = _named(roots, "user", context.text("user"), shown=shown) if context.text("user") else None
    return _access(current, context, cluster, user or Entry(what="no user", file=files[0], body={}))


def _parsed(file: Path) -> dict[str, Any]:
    import yaml  # with the first job on a cluster

    try:
        # All values stay the text they are: a password may look like a number.
        tree = yaml.load(file.read_bytes(), Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506 - builds text, lists and mappings only
    except OSError as error:
        raise unusable(f"the kubeconfig {file} cannot be read: {error.strerror}", hint="Correct its name") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "special characters are not allowed"
        raise unusable(f"{file}{place}: not valid YAML: {problem}", hint="Correct the kubeconfig") from None
    if tree in (None, *NOTHING):
        return {}
    if not isinstance(tree, dict):
        raise unusable(f"{file} is not a kubeconfig", hint="It must hold clusters, users and contexts")
    return tree


def _named(roots: Sequence[Entry], kind: str, name: str, *, shown: str) -> Entry:
    known = []
    for root in roots:
        for item in root.items(f"{kind}s"):
            if isinstance(item, dict) and isinstance(item.get(kind), dict):
                known.append(str(item.get("name")))
                if known[-1] == name:
                    return Entry(what=f"{kind} {name}", file=root.file, body=item[kind])
    nearest = did_you_mean(name, known, before=". ")
    hint = "Correct the kubeconfig" if kind != "context" else "Choose with `kubectl config use-context NAME`"
    raise unusable(f"{shown}: there is no {kind} {name!r}, only {', '.join(known) or 'none'}{nearest}", hint=hint)


def _access(name: str, context: Entry, cluster: Entry, user: Entry) -> Access:
    authority = cluster.content("certificate-authority")
    pair = _pair(user)
    verify = not cluster.flag("insecure-skip-tls-verify")
    return Access(
        context=name,
        namespace=context.text("namespace") or "default",
        server=_server(cluster, secure=bool(authority or pair or not verify)),
        authority=authority,
        verify=verify,
        server_name=cluster.text("tls-server-name") or None,
        proxy=cluster.text("proxy-url") or None,
        login=_login(user, cluster),
        pair=pair,
        impersonate=tuple(_impersonation(user)),
    )


def _server(cluster: Entry, *, secure: bool) -> str:
    server = cluster.text("server").rstrip("/")
    if "://" not in server:  # as kubectl: what speaks of certificates is meant to be https
        server = f"{'https' if secure else 'http'}://{server}"
    try:
        url = urlsplit(server)
        known = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        known = False
    if not known:
        raise cluster.wrong("its server is no address such as https://host:6443")
    if url.username is not None:
        raise cluster.wrong("its server holds a name or password, which belong to the user")
    return server


def _pair(user: Entry) -> KeyPair | None:
    certificate, key = user.content("client-certificate"), user.content("client-key")
    if certificate and not key:
        raise user.wrong("it has a client-certificate but no client-key")
    return KeyPair(certificate=certificate, key=key) if certificate and key else None


def _login(user: Entry, cluster: Entry) -> Login:
    if user.body.get("exec"):
        return _plugin(user.section("exec"), cluster)
    if user.body.get("auth-provider"):
        return _oidc(user.section("auth-provider"))
    if path := user.path("tokenFile"):
        return TokenFile(path=path)
    if token := user.text("token"):
        return Token(text=token)
    if name := user.text("username"):
        return Basic(user=name, password=user.text("password"))
    return None


def _plugin(entry: Entry, cluster: Entry) -> Plugin:
    command = entry.text("command")
    if not command:
        raise entry.wrong("it has no command")
    if "/" in command:  # else it is looked for on the PATH
        command = str(entry.path("command"))
    variables = {str(item.get("name")): str(item.get("value", "")) for item in entry.items("env")}
    return Plugin(
        command=command,
        version=entry.text("apiVersion"),
        arguments=tuple(map(str, entry.items("args"))),
        variables=variables,
        info=_info(cluster) if entry.flag("provideClusterInfo") else None,
        interactive=entry.text("interactiveMode") or "IfAvailable",
        install=" ".join(entry.text("installHint").split()),
    )


def _info(cluster: Entry) -> dict[str, Any]:
    """What an exec plugin is told of its cluster."""
    keys = ("server", "tls-server-name", "proxy-url")
    info: dict[str, Any] = {key: cluster.text(key) for key in keys if cluster.text(key)}
    if cluster.flag("insecure-skip-tls-verify"):
        info["insecure-skip-tls-verify"] = True
    if authority := cluster.content("certificate-authority"):
        info["certificate-authority-data"] = base64.b64encode(authority).decode()
    for item in cluster.items("extensions"):
        if isinstance(item, dict) and item.get("name") == EXTENSION:
            info["config"] = item.get("extension")
    return info


def _oidc(provider: Entry) -> Oidc:
    name = provider.text("name")
    if name != "oidc":
        plugin = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin"}.get(name, "an exec plugin")
        raise provider.wrong(f"auth-provider {name!r} is gone since Kubernetes 1.26; its successor is {plugin}")
    config = provider.section("config")
    return Oidc(
        issuer=config.text("idp-issuer-url").rstrip("/"),
        client=config.text("client-id"),
        secret=config.text("client-secret"),
        id_token=config.text("id-token"),
        refresh_token=config.text("refresh-token"),
        authority=config.content("idp-certificate-authority"),
        file=provider.file,
    )


def _impersonation(user: Entry) -> Iterator[tuple[str, str]]:
    if name := user.text("as"):
        yield "Impersonate-User", name
    if uid := user.text("as-uid"):
        yield "Impersonate-Uid", uid
    for group in user.items("as-groups"):
        yield "Impersonate-Group", str(group)
    for key, values in user.section("as-user-extra").body.items():
        for value in values if isinstance(values, list) else ():
            yield f"Impersonate-Extra-{key}", str(value)
