"""Which failure came first, by cause and not by the clock alone.

When one replica dies, the others fail too: their collective loses its peer. Their errors may even be seen first,
because a dead process is reaped a moment after its sockets are closed. This module is imported by the supervisor,
which starts with every job: it imports nothing that costs time.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself is slow to import; type checkers know this name
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ciao.model import Failure

__all__ = ["abort_looks_secondary", "first_by_cause", "looks_secondary"]

REAP_DELAY = 0.1
"""Seconds by which a death without a record (signal, ``os._exit``) is taken to be older than its reaping."""

_PEER_LOST_NAMES = frozenset(
    {
        "BrokenPipeError",
        "ConnectionAbortedError",
        "ConnectionError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "DistNetworkError",
        "DistBackendError",
        "DistStoreError",
        "EOFError",
        "HorovodInternalError",
        "SIGABRT",  # what a runtime's watchdog does when its coordinator is gone
    }
)
"""What Python, torch.distributed and XLA raise when the other side goes away."""

_PEER_LOST_WORDS = (
    "aborted connection",
    "another task",
    "barrier timed out",
    "broken pipe",
    "closed by peer",
    "closed by remote",
    "collective operation timeout",
    "collective ops is aborted",
    "connection closed",
    "connection refused",
    "connection reset",
    "coordination service",
    "heartbeat",
    "nccl communicator was aborted",
    "ncclremoteerror",
    "pair closure",
    "peer closed",
    "remote process exited",
    "socket closed",
    "socket timeout",
    "timed out waiting",
    "wait timeout",
    "unavailable:",
    "deadline_exceeded",
    "deadline exceeded",
)
"""Lower-case words of gloo, NCCL, gRPC, XLA and TensorFlow in such an error's message."""


def looks_secondary(ename: str, evalue: str) -> bool:
    """An error that a replica has because it lost another one.

    It only ever loses against a failure that does not look so; alone it is the cause.
    """
    words = evalue[:4096].lower()
    return ename in _PEER_LOST_NAMES or any(w in words for w in _PEER_LOST_WORDS)


_NO_REASON = "terminate called without an active exception"
"""What C++ says when a thread still runs while its process ends, as torch's may when others have ended."""


def abort_looks_secondary(said: str) -> bool:
    """A process aborted itself, with these words or none: a runtime's watchdog does so when others are gone."""
    return said in ("", _NO_REASON) or looks_secondary("", said)


def first_by_cause(failures: Sequence[Failure]) -> tuple[Failure | None, tuple[Failure, ...]]:
    """The failure that the others follow from, and those others in the order of time."""
    ranked = sorted(failures, key=lambda f: (f.secondary, _began(f)))
    return (ranked[0], tuple(sorted(ranked[1:], key=_began))) if ranked else (None, ())


def _began(failure: Failure) -> float:
    """A death is told when the process is reaped, an exception by the process itself."""
    return failure.time if failure.kind == "exception" else failure.time - REAP_DELAY
