"""The registries ask who one is, and nodes pull from each."""

from __future__ import annotations

import contextlib
import json
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from cluster import readiness, registries
from real_cluster.manifests import Images

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl, Manifest
    from cluster.outside import Cluster
    from cluster.registries import Registry

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

PUSH = "/v2/thing/blobs/uploads/"


def ask(one: Registry, path: str, authorization: str = "", *, method: str = "GET") -> tuple[int, str]:
    """Its answer's status and its challenge."""
    request = urllib.request.Request(one.url + path, method=method)
    if authorization:
        request.add_header("Authorization", authorization)
    context = ssl.create_default_context(cafile=one.authority) if one.authority else None
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("WWW-Authenticate", "")


def token(cluster: Cluster, one: Registry, scope: str, **form: str) -> dict[str, Any]:
    """As a client asks for one: by GET, or by POST if there is a form."""
    address = f"http://{registries.issuer(cluster).address}/token"
    login = {"Authorization": f"Basic {registries.basic(one.user, one.password)}"} if one.user else {}
    query = urlencode({"service": "ciao-registry", "scope": scope, **form})
    request = (
        urllib.request.Request(address, query.encode())
        if form
        else urllib.request.Request(f"{address}?{query}", headers=login)
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        result: dict[str, Any] = json.load(answer)
        return result


def pod(image: str, *secrets: str) -> Manifest:
    names = [{"name": name} for name in secrets]
    main = {"name": "main", "image": image, "command": ["true"], "imagePullPolicy": "Always"}
    spec = {"containers": [main], "restartPolicy": "Never", "imagePullSecrets": names}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": spec}


def test_a_push_without_a_password_is_refused_and_with_it_taken(htpasswd_registry: Registry) -> None:
    one = htpasswd_registry
    assert ask(one, PUSH, method="POST") == (401, 'Basic realm="ciao"')
    assert ask(one, PUSH, f"Basic {registries.basic(one.user, 'wrong')}", method="POST")[0] == 401
    assert ask(one, PUSH, f"Basic {registries.basic(one.user, one.password)}", method="POST") == (202, "")


def test_a_push_without_a_token_is_sent_for_one_and_with_it_taken(cluster: Cluster, token_registry: Registry) -> None:
    status, challenge = ask(token_registry, PUSH, method="POST")
    realm = f'Bearer realm="http://{registries.issuer(cluster).address}/token",service="ciao-registry"'
    assert (status, challenge.replace(":push,pull", ":pull,push")) == (
        401,
        f'{realm},scope="repository:thing:pull,push"',
    )
    given = token(cluster, token_registry, "repository:thing:pull,push")
    assert ask(token_registry, PUSH, f"Bearer {given['token']}", method="POST") == (202, "")


def test_an_identity_token_stands_for_the_password(cluster: Cluster, token_registry: Registry) -> None:
    login = {"username": token_registry.user, "password": token_registry.password, "access_type": "offline"}
    first = token(cluster, token_registry, "", grant_type="password", **login)
    refreshing = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    given = token(cluster, token_registry, "repository:thing:pull,push", **refreshing)
    assert ask(token_registry, PUSH, f"Bearer {given['access_token']}", method="POST") == (202, "")


@pytest.mark.parametrize("wrong", ["another repository", "a reader", "nobody"])
def test_a_token_of_another_scope_is_refused(wrong: str, cluster: Cluster, token_registry: Registry) -> None:
    assert token_registry.reader
    who = {"another repository": token_registry, "a reader": token_registry.reader}.get(wrong)
    scope = f"repository:{'other' if wrong == 'another repository' else 'thing'}:pull,push"
    given = token(cluster, who or registries.Registry(address=token_registry.address), scope)
    status, challenge = ask(token_registry, PUSH, f"Bearer {given['token']}", method="POST")
    assert status == 401
    assert challenge.endswith('error="insufficient_scope"')


def test_an_expired_token_is_refused(cluster: Cluster, token_registry: Registry) -> None:
    hour_ago = time.time() - 3600
    expired = registries.issuer(cluster).token(token_registry.user, ["repository:thing:pull,push"], now=hour_ago)
    status, challenge = ask(token_registry, PUSH, f"Bearer {expired}", method="POST")
    assert status == 401
    assert challenge.endswith('error="invalid_token"')


def test_everyone_may_pull_what_is_public(cluster: Cluster, token_registry: Registry) -> None:
    nobody = registries.Registry(address=token_registry.address)
    given = token(cluster, nobody, "repository:public/thing:pull,push")
    assert ask(token_registry, "/v2/public/thing/tags/list", f"Bearer {given['token']}")[0] == 404
    assert ask(token_registry, "/v2/public/thing/blobs/uploads/", f"Bearer {given['token']}", method="POST")[0] == 401


def test_a_wrong_password_gets_no_token(cluster: Cluster, token_registry: Registry) -> None:
    guessed = registries.Registry(address=token_registry.address, user=token_registry.user, password="wrong")
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        token(cluster, guessed, "repository:thing:pull")
    caught.value.close()


@pytest.mark.parametrize("fixture", ["htpasswd_registry", "token_registry", "tls_registry"])
def test_a_pod_pulls_with_a_pull_secret(
    fixture: str, kubectl: Kubectl, image: Images, request: pytest.FixtureRequest
) -> None:
    one: Registry = request.getfixturevalue(fixture)
    kubectl.create(one.pull_secret("login"))
    kubectl.create(pod(one.named(image("tiny")), *(["login"] if one.user else [])))
    kubectl.until("pod/one", "{.status.phase}", "Succeeded")


@pytest.mark.parametrize(
    ("fixture", "reason"),
    [("htpasswd_registry", "401 Unauthorized"), ("token_registry", "insufficient_scope: authorization failed")],
)
def test_a_pod_without_a_pull_secret_waits_and_says_why(
    fixture: str, reason: str, kubectl: Kubectl, image: Images, request: pytest.FixtureRequest
) -> None:
    one: Registry = request.getfixturevalue(fixture)
    kubectl.create(pod(one.named(image("tiny"))))
    path = "-o=jsonpath={.status.containerStatuses[0].state.waiting.message}"
    readiness.until(lambda: reason in kubectl("get", "pod", "one", path), what=f"It waits and says {reason}")


def test_the_one_behind_tls_is_known_by_the_authority_of_the_cluster(tls_registry: Registry) -> None:
    assert ask(tls_registry, PUSH, method="POST") == (202, "")
    unknown = registries.Registry(address=tls_registry.address, authority=None)
    assert ask(unknown, "/v2/")[0] == 400  # "Client sent an HTTP request to an HTTPS server."


def test_passwords_are_in_no_command_line_and_no_file_of_others(
    cluster: Cluster, htpasswd_registry: Registry, token_registry: Registry
) -> None:
    files = [path for path in (cluster.layout.state / "registries").iterdir() if path.suffix in {".password", ".json"}]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    lines = b"".join(_commands())
    assert all(one.password.encode() not in lines for one in (htpasswd_registry, token_registry))
    assert htpasswd_registry.password not in repr(htpasswd_registry)


def _commands() -> list[bytes]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it may have ended
            found.append(file.read_bytes())
    return found
