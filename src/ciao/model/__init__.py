"""The values that travel between the parts. Nobody edits them.

The words are those of Jupyter, Kubernetes and Kubeflow: a *cell* becomes a *spec*, the spec's code a
*bundle*, both a *job* of *replicas*, each of which writes *lines*; all that happens is told by *events*.
"""

from __future__ import annotations

from ciao.model.events import (
    Attempt,
    Bundled,
    Created,
    Event,
    Finished,
    Lines,
    Notice,
    Packing,
    ReplicaChanged,
    SpecRead,
    Traced,
)
from ciao.model.failure import Failure, FailureKind, Frame, Gap, Outcome, RemoteError, reason_of
from ciao.model.job import (
    CODE,
    NAME_LIMIT,
    Bundle,
    Files,
    Folder,
    Job,
    Line,
    Mounted,
    Pinned,
    ReplicaStatus,
    Summary,
)
from ciao.model.phase import Phase, ReplicaState
from ciao.model.spec import (
    Cell,
    CleanPolicy,
    Elastic,
    JobSpec,
    Replica,
    Resources,
    Role,
    RoleSpec,
    SecretKey,
    Volume,
)
from ciao.model.stacks import Standing, Thread
from ciao.model.target import Target

__all__ = [
    "CODE",
    "NAME_LIMIT",
    "Attempt",
    "Bundle",
    "Bundled",
    "Cell",
    "CleanPolicy",
    "Created",
    "Elastic",
    "Event",
    "Failure",
    "FailureKind",
    "Files",
    "Finished",
    "Folder",
    "Frame",
    "Gap",
    "Job",
    "JobSpec",
    "Line",
    "Lines",
    "Mounted",
    "Notice",
    "Outcome",
    "Packing",
    "Phase",
    "Pinned",
    "RemoteError",
    "Replica",
    "ReplicaChanged",
    "ReplicaState",
    "ReplicaStatus",
    "Resources",
    "Role",
    "RoleSpec",
    "SecretKey",
    "SpecRead",
    "Standing",
    "Summary",
    "Target",
    "Thread",
    "Traced",
    "Volume",
    "reason_of",
]
