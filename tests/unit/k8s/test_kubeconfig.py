"""Kubeconfigs are read as kubectl reads them, and what is wrong in one is said in words."""

from __future__ import annotations

import base64
from pathlib import Path
from textwrap import dedent

import pytest

from ciao.errors import BackendUnavailable
from ciao.k8s import kubeconfig
from ciao.k8s.access import Basic, Oidc, Plugin, Token, TokenFile

PLAIN = """
current-context: home
contexts:
- {name: home, context: {cluster: here, user: me, namespace: mine}}
- {name: work, context: {cluster: there, user: me}}
clusters:
- {name: here, cluster: {server: "https://here:6443/"}}
users:
- {name: me, user: {token: "0123"}}
"""


def write(folder: Path, text: str, name: str = "config") -> Path:
    file = folder / name
    file.write_text(dedent(text))
    return file


def user(folder: Path, words: str, cluster: str = "server: https://here") -> Path:
    """A kubeconfig with one user."""
    return write(
        folder,
        f"""
        current-context: c
        contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
        clusters: [{{name: c, cluster: {{{cluster}}}}}]
        users: [{{name: u, user: {{{words}}}}}]
        """,
    )


def test_the_current_context_is_read(tmp_path: Path) -> None:
    access = kubeconfig.read([write(tmp_path, PLAIN)])
    assert (access.context, access.namespace, access.server) == ("home", "mine", "https://here:6443")
    assert access.login == Token(text="0123")


def test_of_several_files_the_first_that_says_a_thing_counts(tmp_path: Path) -> None:
    first = write(tmp_path, "{current-context: work, users: [{name: me, user: {token: first}}]}", "first")
    third = write(tmp_path, "clusters: [{name: there, cluster: {server: 'https://there'}}]", "third")
    access = kubeconfig.read([first, write(tmp_path, PLAIN), third])
    assert (access.server, access.login) == ("https://there", Token(text="first"))


def test_files_are_named_from_the_kubeconfig_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("the authority")
    access = kubeconfig.read([user(tmp_path, "tokenFile: t", "server: https://h, certificate-authority: ca.pem")])
    assert access.authority == b"the authority"
    assert access.login == TokenFile(path=tmp_path / "t")


def test_data_comes_before_a_file(tmp_path: Path) -> None:
    data = base64.b64encode(b"pem").decode()
    words = f"client-certificate-data: {data}, client-certificate: /none, client-key-data: {data}"
    pair = kubeconfig.read([user(tmp_path, words)]).pair
    assert pair
    assert (pair.certificate, pair.key) == (b"pem", b"pem")


def test_a_name_and_a_password_are_a_login(tmp_path: Path) -> None:
    access = kubeconfig.read([user(tmp_path, "username: ann, password: 0123")])
    assert access.login == Basic(user="ann", password="0123")


def test_a_plugin_is_told_of_the_cluster_if_it_wants_to_know(tmp_path: Path) -> None:
    words = "exec: {apiVersion: v1, command: ./login, args: [a], env: [{name: A, value: b}], provideClusterInfo: true}"
    login = kubeconfig.read([user(tmp_path, words)]).login
    assert isinstance(login, Plugin)
    assert (login.command, login.arguments, login.variables) == (str(tmp_path / "login"), ("a",), {"A": "b"})
    assert login.info == {"server": "https://here"}


def test_an_identity_provider_is_a_login(tmp_path: Path) -> None:
    words = "auth-provider: {name: oidc, config: {idp-issuer-url: 'https://idp/', client-id: c, id-token: t}}"
    login = kubeconfig.read([user(tmp_path, words)]).login
    assert isinstance(login, Oidc)
    assert (login.issuer, login.client, login.id_token) == ("https://idp", "c", "t")


def test_impersonation_is_not_forgotten(tmp_path: Path) -> None:
    access = kubeconfig.read([user(tmp_path, "token: t, as: bob, as-groups: [a, b], as-user-extra: {x: [y]}")])
    assert access.impersonate == (
        ("Impersonate-User", "bob"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-x", "y"),
    )


def test_an_unchecked_certificate_is_noticed(tmp_path: Path) -> None:
    access = kubeconfig.read([user(tmp_path, "token: t", "server: https://h, insecure-skip-tls-verify: true")])
    assert not access.verify
    assert access.notices == (
        "the certificate of https://h is not checked: the kubeconfig says insecure-skip-tls-verify for c",
    )


def test_no_secret_is_in_a_repr(tmp_path: Path) -> None:
    for words in ("token: s3cret", "username: u, password: s3cret", "exec: {command: c, args: [s3cret]}"):
        assert "s3cret" not in repr(kubeconfig.read([user(tmp_path, words, "server: h, proxy-url: 'http://s3cret@p'")]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [\nb: 's3cret", "config, line 2: not valid YAML"),
        ("just words", "is not a kubeconfig"),
        ("clusters: []", "no context is chosen"),
        ("{current-context: hom, contexts: [{name: home, context: {}}]}", "no context 'hom', only home. Did you mean"),
        ("{current-context: a, contexts: [{name: a, context: {cluster: c}}]}", "no cluster 'c', only none"),
    ],
)
def test_a_mistake_is_told_with_its_file(text: str, words: str, tmp_path: Path) -> None:
    file = write(tmp_path, text)
    with pytest.raises(BackendUnavailable) as caught:
        kubeconfig.read([file])
    assert words in str(caught.value)
    assert str(file) in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "`%backend=local`" in caught.value.hint


@pytest.mark.parametrize(
    ("words", "cluster", "told"),
    [
        ("token: t", "server: ''", "cluster c: its server is no address such as https://host:6443"),
        ("token: t", "server: 'ftp://h'", "its server is no address"),
        ("token: t", "server: 'https://h:s3cret'", "its server is no address"),
        ("token: t", "server: 'https://me:s3cret@h'", "its server holds a name or password"),
        ("token: t", "server: h, certificate-authority: none.pem", "which cannot be read: No such file"),
        ("client-certificate-data: s3cret%", "server: h", "client-certificate-data is not base64"),
        ("client-certificate-data: YQ==", "server: h", "has a client-certificate but no client-key"),
        ("auth-provider: {name: gcp}", "server: h", "its successor is gke-gcloud-auth-plugin"),
        ("exec: {apiVersion: v1}", "server: h", "user u, exec: it has no command"),
    ],
)
def test_a_mistake_is_told_with_its_entry(words: str, cluster: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable) as caught:
        kubeconfig.read([user(tmp_path, words, cluster)])
    assert told in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_a_kubeconfig_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackendUnavailable, match="none cannot be read: No such file"):
        kubeconfig.read([tmp_path / "none"])
