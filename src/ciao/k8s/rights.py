"""Rights on an API server, by their names in RBAC, and the command that grants one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Right", "grant", "grant_all"]

ACCOUNT = re.compile(r"system:serviceaccount:([^:]+):(.+)")


@dataclass(frozen=True, kw_only=True)
class Right:
    """One verb on one kind of object."""

    verb: str
    resource: str
    group: str = ""
    subresource: str = ""

    @property
    def name(self) -> str:
        """As kubectl names what it is on: ``pytorchjobs.kubeflow.org``, ``pods/log``."""
        plain = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{plain}/{self.subresource}" if self.subresource else plain


def grant(right: Right, *, user: str, namespace: str | None) -> str:
    """A shell's line with which an administrator grants it: in one namespace, or (None) everywhere."""
    return grant_all([right], user=user, namespace=namespace)


def grant_all(rights: Sequence[Right], *, user: str, namespace: str | None) -> str:
    """The same for several verbs on one kind of object."""
    verbs = [right.verb for right in rights]
    name = re.sub("[^a-z0-9.-]+", "-", f"ciao-{'-'.join(verbs)}-{rights[0].name}".lower())
    kind, cluster, flag = ("role", "", ["-n", namespace]) if namespace else ("clusterrole", "cluster", [])
    role = ["kubectl", "create", kind, name, f"--verb={','.join(verbs)}", f"--resource={rights[0].name}", *flag]
    binding = ["kubectl", "create", f"{cluster}rolebinding", _binding(name, user), f"--{kind}={name}", _subject(user)]
    return f"{shlex.join(role)} && {shlex.join([*binding, *flag])}"


def _binding(role: str, user: str) -> str:
    """One role may be bound to several users."""
    return f"{role}-{re.sub('[^a-z0-9]+', '-', user.lower()).strip('-')}"


def _subject(user: str) -> str:
    account = ACCOUNT.fullmatch(user)
    return f"--serviceaccount={account[1]}:{account[2]}" if account else f"--user={user}"
