"""Services answer by their names, as kube-proxy leads them."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from cluster import readiness
from real_cluster.manifests import Images

if TYPE_CHECKING:
    from cluster.kubectl import Kubectl
    from cluster.outside import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

SERVE = "mkdir /www && hostname > /www/index.html && exec httpd -f -p 8080 -h /www"
ASK = """
import time, urllib.request
def ask():
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen("http://web/", timeout=5) as answer:
                return answer.read().decode().strip()
        except OSError:  # a server is asked to listen, and a rule to be written, a moment before they are
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
"""
ASK_UNTIL_TWO_ANSWERED = f"""{ASK}
seen = set()
while len(seen) < 2:
    seen.add(ask())
print(sorted(seen))
"""
ASK_THE_API = """
import ssl, urllib.request
context = ssl.create_default_context(cafile="/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")
print(urllib.request.urlopen("https://kubernetes.default/version", timeout=60, context=context).status)
"""


def server(number: int, image: str) -> dict[str, Any]:
    main = {
        "name": "main",
        "image": image,
        "command": ["sh", "-c", SERVE],
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"server-{number}", "labels": {"app": "web"}},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [main]},
    }


def asked(kubectl: Kubectl, image: str, code: str) -> str:
    """What a pod prints that runs this code."""
    kubectl("run", "asks", f"--image={image}", "--restart=Never", "--", "python3", "-c", code)
    kubectl.until("pod/asks", "{.status.phase}", "Succeeded", seconds=180)
    return kubectl("logs", "asks")


def test_a_service_answers_by_its_name_from_both_of_its_pods(kubectl: Kubectl, image: Images) -> None:
    for number in range(2):
        kubectl.create(server(number, image("tiny")))
    kubectl("create", "service", "clusterip", "web", "--tcp=80:8080")
    path = "-o=jsonpath={.subsets[*].addresses[*].targetRef.name}"  # in the order of their addresses, which is anyone's

    def behind() -> set[str]:
        return set(kubectl.run("get", "endpoints/web", path).stdout.split())

    readiness.until(lambda: behind() == {"server-0", "server-1"}, what="Both pods are behind the service")
    assert asked(kubectl, image("pytorch"), ASK_UNTIL_TWO_ANSWERED) == "['server-0', 'server-1']\n"


def test_a_pod_reaches_itself_through_its_service(kubectl: Kubectl, image: Images) -> None:
    kubectl("run", "server", f"--image={image('pytorch')}", "--labels=app=web", "--", "python3", "-m", "http.server")
    kubectl("create", "service", "clusterip", "web", "--tcp=80:8000")
    kubectl.until("endpoints/web", "{.subsets[*].addresses[*].targetRef.name}", "server", seconds=180)
    assert "Directory listing" in kubectl("exec", "server", "--", "python3", "-c", f"{ASK}\nprint(ask())")


def test_the_api_answers_a_pod_as_kubernetes_default(kubectl: Kubectl, image: Images) -> None:
    assert asked(kubectl, image("pytorch"), ASK_THE_API) == "200\n"


def test_pods_that_come_and_go_do_not_change_the_address_that_others_remember(cluster: Cluster) -> None:
    def address() -> str:
        shown = ["nsenter", f"--target={cluster.init}", "--net", "ip", "-o", "link", "show", "ciao0"]
        told = subprocess.run(shown, capture_output=True, text=True, check=True).stdout
        return told.partition("link/ether ")[2].split()[0]

    before = address()
    cluster.run("ip", "link", "add", "lowest", "address", "00:00:00:00:00:01", "type", "veth", "peer", "far")
    try:
        cluster.run("ip", "link", "set", "lowest", "master", "ciao0")
        assert address() == before
    finally:
        cluster.run("ip", "link", "delete", "lowest")
