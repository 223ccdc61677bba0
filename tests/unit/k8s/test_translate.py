"""What the API server refuses is said in plain words. The bodies are those of a real one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ciao.k8s.errors import ApiError
from ciao.k8s.translate import refusal


def told(code: int, message: str, *, path: str = "", reason: str = "", **details: Any) -> ApiError:
    status = {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "details": details}
    return refusal(code, json.dumps(status).encode(), path=path)


def test_a_missing_right_names_verb_resource_and_user_and_the_line_that_grants_it() -> None:
    error = told(
        403,
        'pytorchjobs.kubeflow.org is forbidden: User "system:serviceaccount:ns:sa" cannot create resource '
        '"pytorchjobs" in API group "kubeflow.org" in the namespace "ns"',
        reason="Forbidden",
    )
    assert (error.code, error.reason) == (403, "Forbidden")
    assert error.message == "system:serviceaccount:ns:sa may not create pytorchjobs.kubeflow.org in the namespace ns"
    assert error.hint == (
        "Who may grant it does so with: "
        "kubectl create role ciao-create-pytorchjobs.kubeflow.org --verb=create --resource=pytorchjobs.kubeflow.org "
        "-n ns && kubectl create rolebinding ciao-create-pytorchjobs.kubeflow.org-system-serviceaccount-ns-sa "
        "--role=ciao-create-pytorchjobs.kubeflow.org --serviceaccount=ns:sa -n ns"
    )


def test_a_right_on_logs_and_one_in_the_whole_cluster_are_granted_too() -> None:
    logs = told(
        403, 'pods "x" is forbidden: User "Ann B" cannot get resource "pods/log" in API group "" in the namespace "n"'
    )
    assert logs.message == "Ann B may not get pods/log in the namespace n"
    assert "--resource=pods/log" in logs.hint
    assert "'--user=Ann B'" in logs.hint
    nodes = told(
        403, 'nodes is forbidden: User "ann" cannot list resource "nodes" in API group "" at the cluster scope'
    )
    assert "kubectl create clusterrole ciao-list-nodes --verb=list --resource=nodes && " in nodes.hint
    assert "kubectl create clusterrolebinding " in nodes.hint


def test_a_webhook_is_not_taken_for_a_missing_right() -> None:
    error = told(
        403,
        'admission webhook "validator.pytorchjob.training-operator.kubeflow.org" denied the request: '
        "spec.pytorchReplicaSpecs[Master].replicas: Forbidden: must be 1",
        reason="Forbidden",
    )
    assert error.message == (
        "spec.pytorchReplicaSpecs[Master].replicas: Forbidden: must be 1 "
        "(refused by the cluster's webhook validator.pytorchjob.training-operator.kubeflow.org)"
    )
    assert not error.hint


@pytest.mark.parametrize(
    ("code", "message", "details", "words"),
    [
        (401, "Unauthorized", {}, "does not know who you are: the credentials are wrong or over (401). Log in again"),
        (
            403,
            'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
            {},
            "the quota q is used up: pods=1 asked, pods=2 in use, at most pods=2. Ask for less",
        ),
        (
            403,
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            {},
            'the cluster forbids it: violates PodSecurity "restricted:latest": runAsNonRoot != true',
        ),
        (
            403,
            'configmaps "x" is forbidden: unable to create new content in namespace n because it is being terminated',
            {},
            "the namespace n is being deleted. Choose another with %namespace=",
        ),
        (
            403,
            'x is forbidden: User "system:anonymous" cannot get resource "pods" in API group "" in the namespace "n"',
            {},
            "it got no credentials",
        ),
        (404, 'pods "x" not found', {"kind": "pods", "name": "x"}, 'pods "x" not found'),
        (404, 'namespaces "x" not found', {"kind": "namespaces", "name": "x"}, "there is no namespace 'x'. Choose"),
        (409, 'pytorchjobs.kubeflow.org "J" already exists', {}, 'pytorchjobs.kubeflow.org "J" already exists'),
        (410, "The resourceVersion for the provided watch is too old.", {}, "forgotten this version of the list"),
        (429, "too many requests", {}, "the cluster has too much to do"),
        (503, "the server is currently unable", {}, "the cluster failed (503): the server is currently unable"),
        (400, 'container "c" in pod "p" is waiting to start: ContainerCreating', {}, "is waiting to start: Cont"),
    ],
)
def test_each_refusal_has_its_words(code: int, message: str, details: dict[str, Any], words: str) -> None:
    assert words in str(told(code, message, **details))


def test_what_is_invalid_is_told_by_field_without_the_cause_that_says_nothing() -> None:
    body = 'Invalid value: "string": spec.x.replicas in body must be of type integer: "string"'
    causes = [
        {"reason": "FieldValueTypeInvalid", "field": "spec.x.replicas", "message": body},
        {"reason": "FieldValueInvalid", "field": "<nil>", "message": "Invalid value: null: some validation rules"},
        {"reason": "FieldValueRequired", "field": "metadata.name", "message": "Required value: name is required"},
    ]
    error = told(422, "PyTorchJob is invalid: [...]", reason="Invalid", causes=causes)
    assert error.message == (
        'the cluster finds it invalid: spec.x.replicas in body must be of type integer: "string"; '
        "metadata.name: Required value: name is required"
    )


def test_a_webhook_that_quotes_a_missing_right_of_its_own_is_still_a_webhook() -> None:
    quoted = 'pods is forbidden: User "w" cannot list resource "pods" in API group "" in the namespace "n"'
    error = told(403, f'admission webhook "w.example" denied the request: {quoted}')
    assert error.message.endswith("(refused by the cluster's webhook w.example)")
    assert not error.hint


def test_a_kind_that_is_not_installed_is_told_from_an_object_that_is_not_there() -> None:
    path = "/apis/kubeflow.org/v1/namespaces/n/pytorchjobs/x"
    error = refusal(404, b"404 page not found\n", path=path)
    assert (error.code, error.reason) == (404, "")
    assert error.message == "the cluster does not know pytorchjobs (kubeflow.org/v1)"
    assert error.hint == "See what it knows: `kubectl api-resources --api-group=kubeflow.org`"


def test_a_page_of_a_balancer_is_told_without_its_tags() -> None:
    error = refusal(502, b"<html><head><title>x</title></head><body><h1>502 Bad Gateway</h1>nginx</body></html>")
    assert error.message == "the cluster failed (502): 502 Bad Gateway nginx"


@pytest.mark.parametrize("body", [b"", b"null", b'{"kind":"Status","details":[1],"message":null}', b"\xff\xfe{"])
def test_any_body_becomes_an_error(body: bytes) -> None:
    assert refusal(403, body).code == 403
    assert refusal(422, body).message
    assert refusal(500, body).message


def test_how_long_to_wait_is_read_from_the_header_or_the_status() -> None:
    assert refusal(429, b"", retry_after="7").retry_after == 7
    assert told(429, "busy", retryAfterSeconds=3).retry_after == 3
    assert refusal(429, b"", retry_after="Wed, 21 Oct 2026 07:28:00 GMT").retry_after is None
