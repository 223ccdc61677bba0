"""How a build stands and why it failed, read from what a cluster says."""

from __future__ import annotations

from typing import Any

import pytest

from ciao.errors import BundleError
from ciao.s2i.incluster.builders import BUILDERS
from ciao.s2i.incluster.reasons import Ended, Started, Waits, failed, no_pod, state_of

BUILDKIT, KANIKO = BUILDERS["cluster-buildkit"], BUILDERS["cluster-kaniko"]
DIGEST = "sha256:" + "a" * 64


def pod(*, state: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    one = {"name": "build", "state": state or {}}
    containers = [{"name": "build", "image": "builders.example/kaniko:1"}]
    return {"spec": {"containers": containers}, "status": {"containerStatuses": [one], **status}}


def state(of: dict[str, Any]) -> object:
    return state_of(of, builder=KANIKO, namespace="team")


def refused(message: str, builder: Any = BUILDKIT) -> BundleError:
    with pytest.raises(BundleError) as caught:
        no_pod({}, [{"reason": "FailedCreate", "message": message}], builder=builder, namespace="team")
    return caught.value


def test_a_pod_without_a_node_says_what_it_waits_for() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available: insufficient memory"}
    assert state(pod(conditions=[condition])) == Waits(
        why="waiting for a node: 0/3 nodes are available: insufficient memory"
    )


def test_a_running_builder_has_a_log() -> None:
    assert state(pod(state={"running": {}})) == Started()


def test_the_digest_is_read_from_the_last_message() -> None:
    found = state(pod(state={"terminated": {"exitCode": 0, "message": f"{DIGEST}\n"}}))
    assert isinstance(found, Ended)
    assert found.digest == DIGEST


def test_a_build_that_failed_has_no_digest_whatever_it_says() -> None:
    assert Ended(code=1, message=DIGEST).digest == ""


def test_one_failed_pull_may_heal_and_a_series_of_them_does_not() -> None:
    waiting = {"reason": "ErrImagePull", "message": "timeout"}
    assert state(pod(state={"waiting": waiting})) == Waits(why="the builder's image cannot be pulled: timeout")
    with pytest.raises(BundleError, match=r"builders\.example/kaniko:1: not found.*s2i\.images\.cluster-kaniko"):
        state(pod(state={"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}))


def test_an_evicted_pod_tells_why() -> None:
    found = state(pod(phase="Failed", reason="Evicted", message="the node was low on ephemeral-storage"))
    assert isinstance(found, Ended)
    error = failed(found, (), builder=KANIKO)
    assert error.message == "the pod of cluster-kaniko was ended: the node was low on ephemeral-storage"


@pytest.mark.parametrize("ended", [Ended(code=137), Ended(code=1, reason="OOMKilled")])
def test_too_little_memory_is_told_with_the_limit(ended: Ended) -> None:
    assert "needed more than its 4Gi of memory" in failed(ended, (), builder=KANIKO).message


def test_the_line_that_says_it_is_the_message_and_the_rest_is_below() -> None:
    lines = [
        "RUN ls /x",
        "error building image: error building stage: failed to execute command: waiting for process to exit: code 2",
    ]
    error = failed(Ended(code=1), lines, builder=KANIKO)
    assert error.message == "cluster-kaniko could not build the image: code 2"
    assert error.hint.startswith("The end of its log:\n    RUN ls /x\n")


def test_how_the_program_is_called_is_left_out_of_a_log() -> None:
    error = failed(Ended(code=1), ["Error: no such file", "Usage:", "  executor [flags]"], builder=KANIKO)
    assert "executor [flags]" not in str(error)


@pytest.mark.parametrize(
    ("line", "way_out"),
    [
        ("/usr/bin/python3: No module named pip", "has no pip"),
        ("http: server gave HTTP response to HTTPS client", "s2i.insecure"),
        ("x509: certificate signed by unknown authority", "s2i.ca"),
        ("unexpected status from POST request: 401 Unauthorized", "s2i.username"),
        ("dial tcp: lookup registry.example: no such host", "s2i.registry"),
        ("newuidmap: write to uid_map failed: Operation not permitted", "make namespaces"),
    ],
)
def test_a_known_cause_has_its_way_out(line: str, way_out: str) -> None:
    assert way_out in failed(Ended(code=1), [line], builder=BUILDKIT).hint.partition("The end of its log")[0]


@pytest.mark.parametrize(
    "ended", [Ended(code=137), Ended(code=1), Ended(code=-1, reason="DeadlineExceeded")], ids=["memory", "log", "time"]
)
def test_whoever_has_a_dockerfile_is_not_sent_to_what_builds_none(ended: Ended) -> None:
    hint = failed(ended, ["ERROR: No module named pip"], builder=KANIKO.for_a_dockerfile).hint
    assert hint.count("%s2i=buildah") == 1
    assert "%s2i=append" not in hint


def test_the_level_of_a_namespace_is_told_with_the_ways_out() -> None:
    error = refused(
        'Error creating: pods "x" is forbidden: violates PodSecurity "baseline:latest": seccompProfile (pod or'
        ' container "build" must not set securityContext.seccompProfile.type to "Unconfined")'
    )
    assert error.message == (
        "the namespace team takes no pod of cluster-buildkit: its label pod-security.kubernetes.io/enforce is baseline,"
        " and rootless BuildKit needs seccomp Unconfined, to make namespaces of its own (seccompProfile)"
    )
    assert "%s2i=append" in error.hint
    assert "%s2i=cluster-kaniko fits baseline" in error.hint
    assert error.hint.endswith("namespace team pod-security.kubernetes.io/enforce=privileged")


def test_a_quota_is_told_as_everywhere() -> None:
    error = refused(
        'Error creating: pods "x" is forbidden: exceeded quota: small, requested: cpu=250m, used: cpu=1, limited: cpu=1'
    )
    assert "the quota small is used up: cpu=250m asked, cpu=1 in use, at most cpu=1" in error.message


def test_another_refusal_is_told_in_the_clusters_words() -> None:
    error = refused('Error creating: admission webhook "policy" denied the request: no root')
    assert "no root (refused by the cluster's webhook policy)" in error.message


def test_a_job_whose_pod_is_gone_has_failed() -> None:
    condition = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "it was deleted"}
    with pytest.raises(BundleError, match="the pod of cluster-kaniko is gone: it was deleted"):
        no_pod({"status": {"conditions": [condition]}}, [], builder=KANIKO, namespace="team")


def test_a_pod_that_may_still_come_is_waited_for() -> None:
    no_pod({"status": {}}, [{"reason": "SuccessfulCreate"}], builder=KANIKO, namespace="team")


def test_what_tekton_tells_of_a_pod_that_was_refused_is_read_the_same_way() -> None:
    message = 'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true (pod must set it)'
    condition = {"type": "Succeeded", "status": "False", "reason": "PodAdmissionFailed", "message": message}
    with pytest.raises(
        BundleError, match=r"takes no pod of tekton: its label .* is restricted, and kaniko runs as root"
    ):
        no_pod({"status": {"conditions": [condition]}}, [], builder=BUILDERS["tekton"], namespace="team")


def test_a_task_that_tekton_cannot_run_is_told_in_its_words() -> None:
    condition = {
        "type": "Succeeded",
        "status": "False",
        "reason": "TaskRunValidationFailed",
        "message": "no such field",
    }
    with pytest.raises(BundleError, match="Tekton could not run the build: no such field"):
        no_pod({"status": {"conditions": [condition]}}, [], builder=BUILDERS["tekton"], namespace="team")
