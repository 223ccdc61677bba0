"""kubectl as a function: what tests say to a cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster import builds, readiness
from cluster.errors import ClusterError

Manifest = dict[str, Any]


def program() -> str:
    """Ours, or on a machine that has built none the one on the PATH."""
    ours = builds.program("kubectl")
    if found := ours if Path(ours).exists() else shutil.which("kubectl"):
        return found
    raise ClusterError("No kubectl is on the PATH, and none was built: `make cluster-up` does so; any other will do.")


@dataclass(frozen=True, kw_only=True)
class Kubectl:
    """The command, bound to one cluster and one namespace. Every method raises ClusterError with what kubectl said."""

    kubeconfig: Path
    namespace: str

    def run(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """One call; the caller looks at its exit code."""
        command = [program(), f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}"]
        return subprocess.run([*command, *arguments], input=text, capture_output=True, text=True, check=False)

    def __call__(self, *arguments: str, text: str | None = None) -> str:
        """One call that must succeed; its output."""
        done = self.run(*arguments, text=text)
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def make_namespace(self) -> None:
        """Make the namespace; pods can be made in it once it has its service account."""
        self("create", "namespace", self.namespace)
        account = ("get", "serviceaccount", "default")
        readiness.until(lambda: not self.run(*account).returncode, what=f"{self.namespace} has its service account")

    def create(self, manifest: Manifest) -> None:
        """Create one object."""
        self("create", "-f", "-", text=json.dumps(manifest))

    def refused(self, manifest: Manifest) -> str:
        """Why an object is refused."""
        done = self.run("create", "-f", "-", text=json.dumps(manifest))
        if not done.returncode:
            raise ClusterError(f"{done.stdout} and should have been refused")
        return done.stderr

    def until(self, what: str, path: str, wanted: str, *, seconds: float = readiness.PATIENCE) -> None:
        """Until a field, by its JSONPath, has a value; if that does not come, the error shows the events."""

        def seen() -> str:
            return self.run("get", what, f"-o=jsonpath={path}").stdout

        def so() -> bool:
            if seen() == wanted:
                return True
            self.run("wait", what, f"--for=jsonpath={path}={wanted}", "--timeout=2s")  # asks less often than we would
            return seen() == wanted

        try:
            readiness.until(so, what=f"{what} {path} becomes {wanted}", seconds=seconds)
        except ClusterError as error:
            shown = self.run("get", "pods", "-o=wide").stdout + self.run("get", "events").stdout
            raise ClusterError(f"{error} It is {seen()!r}.\n{shown}") from None

    def condition(self, what: str, name: str, *, seconds: float = readiness.PATIENCE) -> None:
        """Until a condition is True."""
        self.until(what, f'{{.status.conditions[?(@.type=="{name}")].status}}', "True", seconds=seconds)

    def names(self, kind: str) -> list[str]:
        """Of all objects of a kind."""
        return self("get", kind, "-o=jsonpath={.items[*].metadata.name}").split()
