"""What is seen of a job, and what follows from it; times are seconds that a test makes up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from ciao.backends.kubeflow.blame import SETTLE, SETTLE_SECONDARY
from ciao.backends.kubeflow.story import RESTART, Story
from ciao.model import (
    Attempt,
    Event,
    Failure,
    Finished,
    Job,
    Notice,
    Outcome,
    Phase,
    ReplicaChanged,
    ReplicaState,
    Traced,
)

Manifest = dict[str, Any]

RUNS = {"running": {"startedAt": "1970-01-01T00:01:40Z"}}
DONE = {"terminated": {"exitCode": 0, "finishedAt": "1970-01-01T00:03:20Z"}}


def story(*replicas: str, framework: str = "pytorch", **known: Any) -> Story:
    names = replicas or ("master-0", "worker-0")
    return Story(job=Job(name="j", backend="kubeflow", framework=framework, replicas=names, created=90.0), **known)


def pod(replica: str, state: Manifest | None = None, *, uid: str = "", **parts: Any) -> Manifest:
    role, _, index = replica.rpartition("-")
    labels = {"training.kubeflow.org/replica-type": role, "training.kubeflow.org/replica-index": index}
    limits = {"limits": {"memory": "1Gi"}}
    status = {"containerStatuses": [{"name": "c", "state": state or {}, **parts.pop("container", {})}]}
    return {
        "metadata": {"name": f"j-{replica}", "uid": uid or replica, "labels": labels, **parts.pop("metadata", {})},
        "spec": {"containers": [{"name": "c", "env": [{"name": "CIAO_JOB"}], "resources": limits}], "nodeName": "n1"},
        "status": {**status, **parts},
    }


def ended(code: int, *, reason: str = "Error", message: str = "") -> Manifest:
    return {
        "terminated": {
            "exitCode": code, "reason": reason, "message": message, "finishedAt": "1970-01-01T00:03:20Z",
        }
    }  # fmt: skip


def words(ename: str, evalue: str, *, time: float = 200.0) -> str:
    return json.dumps({"v": 1, "type": "error", "time": time, "error": {"ename": ename, "evalue": evalue}})


def told(*events: Iterable[Event]) -> list[Event]:
    return [event for some in events for event in some]


def states(events: Iterable[Event]) -> dict[str, ReplicaState]:
    return {e.status.replica: e.status.state for e in events if isinstance(e, ReplicaChanged)}


def end(known: Story, *, now: float) -> Outcome:
    (finished,) = [e for e in known.tick(now) if isinstance(e, Finished)]
    return finished.outcome


def failure(known: Story, *, now: float = 1000.0) -> Failure:
    outcome = end(known, now=now)
    assert outcome.failure is not None
    return outcome.failure


def test_a_job_runs_and_succeeds_when_its_master_has() -> None:
    known = story()
    seen = told(known.see_pod(pod("master-0", RUNS), now=100), known.see_pod(pod("worker-0", RUNS), now=101))
    assert states(seen) == {"master-0": ReplicaState.RUNNING, "worker-0": ReplicaState.RUNNING}
    assert known.started == 100
    assert told(known.tick(102)) == []
    told(known.see_pod(pod("master-0", DONE), now=200))
    assert end(known, now=200).phase is Phase.SUCCEEDED
    assert known.summary().replicas[1].state is ReplicaState.ENDED


def test_an_mpi_job_succeeds_with_its_launcher_whose_pod_has_no_index() -> None:
    known = story("launcher-0", "worker-0", framework="mpi")
    launcher = pod("launcher-0", DONE)
    del launcher["metadata"]["labels"]["training.kubeflow.org/replica-index"]
    told(known.see_pod(pod("worker-0", RUNS), now=100), known.see_pod(launcher, now=200))
    assert end(known, now=200).phase is Phase.SUCCEEDED


def test_an_exception_is_known_from_the_log_before_the_container_ends() -> None:
    known = story()
    told(known.see_pod(pod("worker-0", RUNS), now=100))
    told(known.see_record("worker-0", json.loads(words("ValueError", "no")), now=200))
    assert told(known.tick(200 + SETTLE - 0.1)) == []
    found = failure(known, now=200 + SETTLE)
    assert (found.replica, found.ename, found.evalue) == ("worker-0", "ValueError", "no")


def test_a_record_in_the_log_tells_of_the_stacks_that_a_crash_left_there() -> None:
    known = story()
    told(known.see_pod(pod("worker-0", RUNS), now=100))
    died = {"type": "died", "time": 200.0, "error": {"ename": "Segmentation fault"}, "lines": 13, "crc": 7}
    dump = Traced(replica="worker-0", reason="Segmentation fault", lines=13, checksum=7)
    assert told(known.see_record("worker-0", died, now=200)) == [dump]


def test_the_termination_message_tells_the_exception_if_the_log_is_lost() -> None:
    known = story()
    told(known.see_pod(pod("worker-0", ended(1, message=words("KeyError", "'x'"))), now=200))
    assert failure(known).ename == "KeyError"


def test_a_termination_message_that_is_none_of_ours_is_an_exit_code() -> None:
    known = story()
    told(known.see_pod(pod("worker-0", ended(7, message="Traceback (most recent call last): ...")), now=200))
    assert failure(known).evalue == "exit code 7"


def test_out_of_memory_is_found_behind_the_error_of_the_replica_that_lost_its_peer() -> None:
    known = story()
    told(known.see_pod(pod("master-0", RUNS), now=100), known.see_pod(pod("worker-0", RUNS), now=100))
    told(known.see_record("master-0", json.loads(words("RuntimeError", "Connection closed by peer")), now=200))
    assert told(known.tick(200 + SETTLE)) == []
    told(known.see_pod(pod("worker-0", ended(137, reason="OOMKilled")), now=202))
    outcome = end(known, now=200 + SETTLE_SECONDARY)
    assert outcome.failure is not None
    assert (outcome.failure.replica, outcome.failure.ename) == ("worker-0", "OOMKilled")
    assert outcome.failure.evalue == "it used more memory than its limit of 1Gi"
    assert outcome.hint == "Raise it, for example %worker=1;%memory=2Gi"
    assert [f.replica for f in outcome.others] == ["master-0"]


def test_a_child_killed_for_memory_counts_although_the_exit_code_is_another() -> None:
    known = story()
    told(
        known.see_pod(
            pod("worker-0", ended(1, reason="OOMKilled", message=words("RuntimeError", "a child died"))), now=2
        )
    )
    assert failure(known).ename == "OOMKilled"


@pytest.mark.parametrize(
    ("code", "counted", "ename"),
    [(137, 1, "OOMKilled"), (1, 3, "OOMKilled"), (137, 0, "SIGKILL"), (137, "many", "SIGKILL")],
)
def test_what_the_kernel_counted_stands_if_the_runtime_missed_it(code: int, counted: object, ename: str) -> None:
    known = story()
    message = json.dumps({"v": 1, "type": "end", "time": 200.0, "oom_kills": counted})
    told(known.see_pod(pod("worker-0", ended(code, message=message)), now=200))
    assert failure(known).ename == ename


@pytest.mark.parametrize(("code", "ename"), [(139, "SIGSEGV"), (137, "SIGKILL"), (134, "SIGABRT")])
def test_a_signal_is_told_by_its_name(code: int, ename: str) -> None:
    known = story()
    told(known.see_pod(pod("worker-0", ended(code)), now=200))
    assert failure(known).ename == ename


def test_a_command_that_is_not_in_the_image_says_so() -> None:
    message = (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        'unable to start container process: exec: "python3": executable file not found in $PATH: unknown'
    )
    known = story()
    told(known.see_pod(pod("worker-0", ended(128, reason="StartError", message=message)), now=200))
    assert failure(known).evalue == 'exec: "python3": executable file not found in $PATH'


NO_CODE = "python3: can't open file '/ciao/code/ciao_runner/__main__.py': [Errno 2] No such file or directory\n"


@pytest.mark.parametrize(
    ("code", "message", "ename", "way_out"),
    [
        (1, "exec /usr/bin/python3: exec format error\n", "WrongPlatform", "s2i.platforms"),
        (2, NO_CODE, "NoCode", "%s2i=append or %s2i=configmap"),
        (137, f"the cell says\n{NO_CODE}", "SIGKILL", ""),
    ],
    ids=["another platform", "a volume that was dropped", "only a line of the cell's"],
)
def test_what_never_began_says_why_in_the_one_line_of_its_log(
    code: int, message: str, ename: str, way_out: str
) -> None:
    known = story()
    told(known.see_pod(pod("worker-0", ended(code, message=message)), now=200))
    outcome = end(known, now=1000)
    assert outcome.failure is not None
    assert (outcome.failure.ename, way_out in outcome.hint) == (ename, True)


def test_a_restart_that_nobody_asked_for_is_a_failure() -> None:
    known = story()
    last = {"restartCount": 1, "lastState": ended(5)}
    told(known.see_pod(pod("worker-0", RUNS, container=last), now=200))
    assert failure(known).evalue == "exit code 5"


def test_a_restart_is_marked_once() -> None:
    known = story()
    again = pod("worker-0", RUNS, container={"restartCount": 1, "lastState": ended(5)})
    seen = told(known.see_pod(pod("worker-0", RUNS), now=100), *(known.see_pod(again, now=now) for now in (200, 201)))
    assert [e.text for e in seen if isinstance(e, Notice)] == [
        "the cluster started worker-0 again in its pod: restart 1"
    ]


def test_an_evicted_pod_says_what_its_node_said() -> None:
    known = story()
    message = "The node was low on resource: ephemeral-storage. "
    told(known.see_pod(pod("worker-0", reason="Evicted", message=message, phase="Failed"), now=200))
    found = failure(known)
    assert (found.ename, found.evalue) == ("Evicted", "The node was low on resource: ephemeral-storage (node n1)")


def test_a_pod_that_somebody_deletes_is_the_cause_if_nothing_else_failed() -> None:
    known = story()
    told(known.see_pod(pod("worker-0", RUNS), now=100))
    told(known.see_pod(pod("worker-0", RUNS), now=200, deleted=True))
    assert told(known.tick(201)) == []
    assert failure(known).ename == "PodDeleted"


LOST = [{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager", "message": "Taint manager"}]
SILENT = [{"type": "ContainersReady", "status": "True"}, {"type": "Ready", "status": "False"}]


def test_a_node_that_does_not_answer_is_told_and_that_it_answers_again() -> None:
    known = story()
    told(known.see_pod(pod("worker-0", RUNS), now=100))
    words = "worker-0 is not heard of: its node n1 does not answer the cluster"
    assert told(known.see_pod(pod("worker-0", RUNS, conditions=SILENT), now=150)) == [
        Notice(text=words, level="warning")
    ]
    assert told(known.see_pod(pod("worker-0", RUNS, conditions=SILENT), now=151)) == []
    assert told(known.see_pod(pod("worker-0", RUNS), now=160)) == [Notice(text="worker-0 is heard of again")]
    assert told(known.tick(1000)) == []


def test_a_pod_of_a_lost_node_has_failed_though_nobody_tells_how_its_container_ended() -> None:
    known = story()
    leaves = {"deletionTimestamp": "1970-01-01T00:03:21Z"}
    told(known.see_pod(pod("worker-0", RUNS), now=100))
    told(known.see_pod(pod("worker-0", RUNS, conditions=LOST, metadata=leaves), now=200))
    found = failure(known, now=202)
    assert (found.ename, found.evalue) == ("NodeLost", "its node n1 stopped answering, or was drained")


def test_an_image_that_is_pulled_for_long_is_told() -> None:
    known = story("worker-0")
    about = {"kind": "Pod", "name": "j-worker-0"}
    told(known.see_pod(pod("worker-0", {"waiting": {"reason": "ContainerCreating"}}), now=99))
    told(known.see_event({"involvedObject": about, "reason": "Pulling", "message": 'Pulling image "a/b:1"'}, now=100))
    assert known.replicas.statuses()[0].reason == ""
    assert known.due(101) == 4
    (waits,) = told(known.tick(105))
    assert isinstance(waits, ReplicaChanged)
    assert waits.status.reason == "its node pulls the image a/b:1"


HELD = {
    "metadata": {"labels": {"kueue.x-k8s.io/queue-name": "team"}},
    "spec": {"runPolicy": {"suspend": True}},
}
LEAVES = {"deletionTimestamp": "1970-01-01T00:03:21Z"}


@pytest.mark.parametrize("told_first", ["the job", "the pod"])
def test_a_pod_that_is_ended_because_its_job_is_held_back_waits_and_runs_again(told_first: str) -> None:
    known = story("worker-0")
    told(known.see_pod(pod("worker-0", RUNS), now=100))
    steps: list[Callable[[], Iterable[Event]]] = [
        lambda: known.see_job(HELD, now=200),
        lambda: known.see_pod(pod("worker-0", ended(143), metadata=LEAVES), now=200),
    ]
    for step in steps if told_first == "the job" else reversed(steps):
        told(step())
    (status,) = known.replicas.statuses()
    assert (status.state, status.reason) == (ReplicaState.WAITING, "it waits in the queue team")
    told(known.see_job({"metadata": {}, "spec": {}}, now=250))
    told(known.see_pod(pod("worker-0", ended(143), metadata=LEAVES), now=251))
    told(known.see_pod(pod("worker-0", ended(143), metadata=LEAVES), now=252, deleted=True))
    assert told(known.tick(400)) == []
    assert states(told(known.see_pod(pod("worker-0", RUNS, uid="new"), now=401))) == {"worker-0": ReplicaState.RUNNING}


def test_what_was_said_last_counts_whatever_the_order_in_which_it_is_listed() -> None:
    known = story("worker-0")
    labels = {"kueue.x-k8s.io/queue-name": "team"}
    told(known.see_job({"metadata": {"labels": labels}, "spec": {"runPolicy": {"suspend": True}}}, now=100))
    about = {"involvedObject": {"kind": "Workload"}, "reason": "Pending", "lastTimestamp": None}
    told(known.see_event({**about, "message": "later", "eventTime": "1970-01-01T00:01:42.5Z"}, now=103))
    told(known.see_event({**about, "message": "sooner", "eventTime": "1970-01-01T00:01:42.25Z"}, now=103))
    assert known.replicas.statuses()[0].reason == "it waits in the queue team: later"


def test_a_pod_that_somebody_deletes_is_the_cause_also_if_the_verdict_comes_first() -> None:
    known = story("worker-0")
    words = "PyTorchJob j is failed because 1 Worker replica(s) failed."
    verdict = {"type": "Failed", "status": "True", "reason": "PyTorchJobFailed", "message": words}
    told(known.see_pod(pod("worker-0", RUNS), now=100))
    told(known.see_job({"status": {"conditions": [verdict]}}, now=200))
    told(known.see_pod(pod("worker-0", RUNS, metadata={"deletionTimestamp": "1970-01-01T00:03:27Z"}), now=200))
    told(known.see_pod(pod("worker-0", RUNS), now=202, deleted=True))
    assert failure(known).ename == "PodDeleted"


def test_replicas_that_the_operator_ends_after_the_master_are_not_failures() -> None:
    known = story()
    told(known.see_pod(pod("worker-0", RUNS), now=100), known.see_pod(pod("master-0", DONE), now=200))
    stopped = pod("worker-0", ended(143), metadata={"deletionTimestamp": "1970-01-01T00:03:21Z"})
    assert states(told(known.see_pod(stopped, now=201))) == {"worker-0": ReplicaState.ENDED}
    assert end(known, now=201).phase is Phase.SUCCEEDED


def test_a_job_that_somebody_deletes_has_failed() -> None:
    known = story()
    (finished,) = [e for e in told(known.see_job(None, now=200)) if isinstance(e, Finished)]
    assert finished.outcome.failure is not None
    assert finished.outcome.failure.ename == "JobDeleted"


def test_a_job_that_somebody_deletes_is_the_cause_although_the_end_of_its_pods_was_seen_first() -> None:
    known = story("worker-0")
    told(known.see_pod(pod("worker-0", RUNS), now=199))
    told(known.see_pod(pod("worker-0", ended(143), metadata=LEAVES), now=200))
    (finished,) = [e for e in told(known.see_job(None, now=201)) if isinstance(e, Finished)]
    assert finished.outcome.failure is not None
    assert (finished.outcome.failure.ename, finished.outcome.others) == ("JobDeleted", ())


def test_a_job_that_is_suspended_while_it_runs_waits_again() -> None:
    known = story()
    told(known.see_pod(pod("worker-0", RUNS), now=100))
    labels = {"kueue.x-k8s.io/queue-name": "team"}
    changed = told(known.see_job({"metadata": {"labels": labels}, "spec": {"runPolicy": {"suspend": True}}}, now=200))
    told(known.see_pod(pod("worker-0", RUNS), now=201, deleted=True))
    reasons = {e.status.replica: e.status.reason for e in changed if isinstance(e, ReplicaChanged)}
    assert reasons == dict.fromkeys(("master-0", "worker-0"), "it waits in the queue team")
    assert told(known.see_pod(pod("worker-0", RUNS, uid="new"), now=300))


def test_what_cannot_heal_ends_the_wait_with_its_fix() -> None:
    known = story()
    event = {"reason": "FailedCreatePod", "message": "no PriorityClass with name x was found"}
    changed = told(known.see_event(event, now=100))
    assert states(changed) == {"master-0": ReplicaState.WAITING, "worker-0": ReplicaState.WAITING}
    outcome = end(known, now=100)
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.ename) == ("start", "PriorityClassNotFound")
    assert outcome.hint == "Correct %priority="


def test_a_secret_that_is_not_there_is_told_although_the_refusal_that_follows_from_it_was_seen_first() -> None:
    known = story("worker-0")
    refused = {"waiting": {"reason": "ErrImagePull", "message": "failed to pull: 401 Unauthorized"}}
    waits = pod("worker-0", refused)
    waits["spec"]["imagePullSecrets"] = [{"name": "pull"}]
    told(known.see_pod(waits, now=100))
    assert told(known.tick(101)) == []
    message = "Unable to retrieve some image pull secrets (pull); attempting to pull the image may not succeed."
    about = {"kind": "Pod", "name": "j-worker-0"}
    event = {"involvedObject": about, "reason": "FailedToRetrieveImagePullSecret", "message": message}
    told(known.see_event(event, now=101))
    assert ": there is no Secret pull in the namespace" in failure(known, now=101).evalue


def test_what_can_heal_is_waited_for() -> None:
    known = story()
    message = 'pods "j" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1'
    told(known.see_event({"reason": "FailedCreatePod", "message": message}, now=100))
    assert told(known.tick(1e9)) == []


def test_a_timeout_ends_the_job() -> None:
    known = story(timeout=60.0)
    told(known.see_pod(pod("worker-0", RUNS), now=100))
    assert told(known.tick(160)) == []
    assert failure(known, now=161).ename == "DeadlineExceeded"


def test_the_operators_verdict_counts_if_the_replicas_tell_nothing() -> None:
    known = story()
    reason = {
        "type": "Failed",
        "status": "True",
        "reason": "PyTorchJobFailed",
        "message": "Job j has failed because ...",
    }
    told(known.see_job({"status": {"conditions": [reason]}}, now=200))
    assert told(known.tick(201)) == []
    assert failure(known, now=200 + SETTLE_SECONDARY).evalue == "Job j has failed because ..."


def test_a_group_that_is_started_again_forgets_its_failures_but_tells_them() -> None:
    known = story("worker-0", "worker-1", retries=1)
    told(known.see_pod(pod("worker-0", ended(3)), now=200))
    assert told(known.tick(300)) == []
    assert known.retry_due(300)
    again = told(known.begin_attempt(2, now=301))
    assert [e.number for e in again if isinstance(e, Attempt)] == [2]
    for name in ("worker-0", "worker-1"):
        told(known.see_pod(pod(name, DONE, uid=f"{name}-2"), now=400))
    outcome = end(known, now=400)
    assert (outcome.phase, outcome.attempts, [f.evalue for f in outcome.previous]) == (
        Phase.SUCCEEDED,
        2,
        ["exit code 3"],
    )


def test_pods_of_a_trainjob_are_told_by_their_number() -> None:
    known = story("master-0", "worker-0")
    labels = {"batch.kubernetes.io/job-completion-index": "1", "jobset.sigs.k8s.io/replicatedjob-name": "node"}
    seen = told(known.see_pod(pod("x-0", RUNS, metadata={"labels": labels, "uid": "u", "name": "p"}), now=100))
    assert states(seen) == {"worker-0": ReplicaState.RUNNING}


def test_a_pod_of_nobody_is_left_alone() -> None:
    known = story("worker-0")
    assert told(known.see_pod(pod("worker-7", RUNS), now=100)) == []


def test_an_operator_that_starts_the_group_again_by_itself_is_waited_for() -> None:
    known = story("master-0", restarts=1)
    told(known.see_pod(pod("master-0", ended(1, message=words("ValueError", "first"))), now=200))
    assert told(known.tick(210)) == []
    assert known.due(210) > 60
    labels = {**pod("master-0")["metadata"]["labels"], RESTART: "1"}
    seen = told(known.see_pod(pod("master-0", RUNS, uid="b", metadata={"labels": labels, "uid": "b"}), now=212))
    (attempt,) = [e for e in seen if isinstance(e, Attempt)]
    assert (attempt.number, attempt.of, attempt.failure.evalue) == (2, 2, "first")
    again = pod("master-0", ended(1, message=words("ValueError", "second")), metadata={"labels": labels, "uid": "b"})
    told(known.see_pod(again, now=220))
    outcome = end(known, now=230)
    assert [f.evalue for f in (outcome.failure, *outcome.previous) if f is not None] == ["second", "first"]


def test_an_operator_that_gives_up_is_not_waited_for() -> None:
    known = story("master-0", restarts=1)
    told(known.see_pod(pod("master-0", ended(1, message=words("ValueError", "first"))), now=200))
    verdict = {"type": "Failed", "status": "True", "reason": "AllJobsFailed", "message": ""}
    told(known.see_job({"status": {"conditions": [verdict]}}, now=201))
    assert failure(known, now=210).evalue == "first"


def test_the_log_has_more_of_an_exception_than_the_pods_status() -> None:
    known = story("master-0")
    told(known.see_pod(pod("master-0", ended(1, message=words("ValueError", "cut ..."))), now=200))
    whole = {"ename": "ValueError", "evalue": "cut and more", "frames": [{"file": "x.py", "line": 3}]}
    told(known.see_record("master-0", {"type": "error", "time": 200.0, "error": whole}, now=200))
    later = {"ename": "ValueError", "evalue": "of another process"}
    told(known.see_record("master-0", {"type": "error", "time": 200.1, "error": later}, now=200))
    assert failure(known).evalue == "cut and more"
