"""Fake nodes beside the real one, whose pods run, log and end without a process: hundreds, for tests of scale.

The program is the real kwok. It keeps the nodes alive, plays the states of their pods, and serves one log for
all of them. Started in a running cluster when a test needs it:

    kwok.start(cluster)
    kwok.nodes(kubectl, 10)
    ... a job whose pods have `kwok.PLACEMENT` in their spec ...
    kwok.write(cluster, "step 1", "step 2")
    kwok.finish(kubectl, "training.kubeflow.org/job-name=job")
    kwok.remove(cluster, kubectl)

A pod of a batch Job runs too until it is ended (kwok's own example ends it at once). A log that is followed never
ends, not even after its pod. kwok holds one inotify instance for each: `start`
raises the machine's limit, and the last `remove` sets it back.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import yaml

from cluster import builds, processes, readiness, sysctls
from cluster.components import Component
from cluster.readiness import https_ok

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from cluster.kubectl import Kubectl, Manifest
    from cluster.layout import Layout
    from cluster.outside import Cluster

PORT = 10360
NODE = {"type": "kwok"}
"""The fake nodes' label. kwok leaves every other node alone."""
TAINT = "kwok.x-k8s.io/node"
PLACEMENT: dict[str, Any] = {"nodeSelector": NODE, "tolerations": [{"key": TAINT, "operator": "Exists"}]}
"""For the spec of a pod that is to run on them."""
EXIT_CODE, MESSAGE = "ciao.test/exit-code", "ciao.test/message"
FOLLOWS = 4096
"""So many logs can be followed at once on this machine: at the limit kwok writes an error into the log and ends it."""
STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-delete.yaml",
)
"""Of the module's. Without `pod-complete`, which ends pods of a batch Job at once."""

ENDED = """\
{{ $code := index .metadata.annotations "EXIT_CODE" }}
{{ $started := .status.startTime | Quote }}
conditions:
{{ range $type := list "Ready" "ContainersReady" }}
- {type: {{ $type }}, status: "False", lastTransitionTime: {{ Now | Quote }}}
{{ end }}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  ready: false
  started: false
  restartCount: 0
  state:
    terminated:
      exitCode: {{ $code }}
      reason: {{ if eq $code "0" }}Completed{{ else }}Error{{ end }}
      message: {{ or (index $.metadata.annotations "MESSAGE") "" | Quote }}
      startedAt: {{ $started }}
      finishedAt: {{ Now | Quote }}
{{ end }}
phase: {{ if eq $code "0" }}Succeeded{{ else }}Failed{{ end }}
""".replace("EXIT_CODE", EXIT_CODE).replace("MESSAGE", MESSAGE)
"""The status of a pod that was ended, as a kubelet would write it."""


def start(cluster: Cluster, progress: Callable[[str], None] = print) -> None:
    """Have kwok, built if need be, and start it in the cluster. Nodes come after it.

    Raises:
        ComponentFailed: it ended, or its time is over; with the end of its log.
    """
    builds.require(builds.KWOK, progress)
    _log(cluster.layout).write_text("")
    with sysctls.alone():
        sysctls.allow_follows(FOLLOWS)
        cluster.add(component(cluster.layout), progress)


def component(cluster: Layout) -> Component:
    """The program. It answers the API server in the kubelet's place, with the kubelet's certificate."""
    config = cluster.state / "kwok.yaml"
    config.write_text(yaml.safe_dump_all(configuration(cluster)))
    folder = builds.sources(builds.KWOK_STAGES) / "kustomize" / "stage"
    files = (config, *(folder / stage for stage in STAGES))
    kubeconfig = f"--kubeconfig={cluster.kubeconfig}"
    command = (builds.program("kwok"), kubeconfig, *(f"--config={file}" for file in files))
    return Component(name="kwok", command=command, ready=https_ok(cluster.node, PORT, "/healthz"))


def configuration(cluster: Layout) -> list[Manifest]:
    """Its settings, one log for all pods, and how a pod ends."""
    options = {
        "cidr": "10.250.0.0/16",  # nobody answers there
        "nodeIP": cluster.node,
        "nodePort": PORT,
        "serverAddress": f"{cluster.node}:{PORT}",
        "manageAllNodes": False,
        "manageNodesWithLabelSelector": _selector(),
        "nodeLeaseDurationSeconds": 40,
        "nodeLeaseParallelism": 4,  # with leases it does not start without
        "nodePlayStageParallelism": 4,
        "podPlayStageParallelism": 8,
        "podsOnNodeSyncParallelism": 4,
        "enableDebuggingHandlers": True,  # logs are among them
        "tlsCertFile": str(cluster.pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(cluster.pki / "kubelet.key"),
    }
    logs = {"logs": [{"logsFile": str(_log(cluster)), "follow": True}]}
    running = [
        {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"},
        {"key": ".status.phase", "operator": "In", "values": ["Running"]},
        {"key": f'.metadata.annotations["{EXIT_CODE}"]', "operator": "Exists"},
    ]
    stage = {
        "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
        "selector": {"matchExpressions": running},
        "next": {"statusTemplate": ENDED},
    }
    ours = "kwok.x-k8s.io/v1alpha1"
    return [
        {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration", "options": options},
        {"apiVersion": ours, "kind": "ClusterLogs", "metadata": {"name": "all"}, "spec": logs},
        {"apiVersion": ours, "kind": "Stage", "metadata": {"name": "pod-ended"}, "spec": stage},
    ]


def nodes(kubectl: Kubectl, count: int) -> None:
    """So many fake nodes, Ready; each takes any number of pods."""
    items = [node(f"fake-{number}") for number in range(count)]
    kubectl.create({"apiVersion": "v1", "kind": "List", "items": items})
    names = [f"node/{item['metadata']['name']}" for item in items]
    kubectl("wait", "--for=condition=Ready", f"--timeout={readiness.PATIENCE:.0f}s", *names)


def node(name: str) -> Manifest:
    """Only what tells it from a real one; kwok fills in the rest."""
    taint = {"key": TAINT, "value": "fake", "effect": "NoSchedule"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": NODE},
        "spec": {"taints": [taint]},
    }


def write(cluster: Cluster, *lines: str) -> None:
    """Append lines to the log of every fake pod, each with the time of now."""
    with _log(cluster.layout).open("ab", buffering=0) as file:
        file.write(b"".join(stamped(line, datetime.now(UTC)) for line in lines))


def stamped(line: str, at: datetime) -> bytes:
    """As a container runtime writes a line to its file."""
    return f"{at:%Y-%m-%dT%H:%M:%S.%f}000Z stdout F {line}\n".encode()


def finish(kubectl: Kubectl, selector: str, code: int = 0, *, message: str = "") -> None:
    """End the running pods that a label selector finds; kwok sees to it within moments."""
    marks = (f"{EXIT_CODE}={code}", f"{MESSAGE}={message}")
    kubectl("annotate", "pods", f"--selector={selector}", "--overwrite", *marks)


def remove(cluster: Cluster, kubectl: Kubectl) -> None:
    """End kwok, and remove the fake nodes, their leases and what still is on them.

    Jobs are to be deleted before, or their operators make new pods, which then wait for a node.
    """
    fakes = kubectl("get", "nodes", f"--selector={_selector()}", "-o=jsonpath={.items[*].metadata.name}").split()

    def empty() -> bool:
        used = _used(kubectl, fakes)
        for namespace, name in used:
            pods = f"/api/v1/namespaces/{namespace}/pods?fieldSelector=spec.nodeName%3D{name}"
            kubectl("delete", f"--raw={pods}")  # all in one request: kubectl makes five a second
        return not used

    readiness.until(empty, what="The fake nodes are empty")
    cluster.kill("kwok")
    with sysctls.alone():
        if not processes.any_named("kwok"):
            sysctls.restore_follows()
    if fakes:
        kubectl("delete", "nodes", *fakes)
        kubectl("delete", "leases", "--namespace=kube-node-lease", "--ignore-not-found", *fakes)


def _used(kubectl: Kubectl, nodes: Collection[str]) -> set[tuple[str, str]]:
    """Namespaces that have pods on these nodes, with the node."""
    columns = "-o=custom-columns=:.metadata.namespace,:.spec.nodeName"
    listed = kubectl("get", "pods", "--all-namespaces", "--no-headers", columns).splitlines()
    return {(namespace, name) for namespace, name in map(str.split, listed) if name in nodes}


def _selector() -> str:
    return ",".join(f"{key}={value}" for key, value in NODE.items())


def _log(cluster: Layout) -> Path:
    return cluster.state / "kwok-pods.log"
