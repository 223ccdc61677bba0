"""The Jupyter kernel: ipykernel's, with the extension loaded, which answers the frontend while a job runs.

Imported at the start of every kernel: what a cell needs is imported when a cell needs it.
"""

# mypy: disable-error-code="no-untyped-call,union-attr,override,assignment"
# (ipykernel is typed in part: its session may be None before it starts, its answers may be awaitable)

from __future__ import annotations

import asyncio
import inspect
import logging
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from traitlets import Type

from ciao import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CiaoKernel", "KernelApp", "main"]

MEANWHILE = frozenset(
    f"{what}_request" for what in ("comm_info", "complete", "history", "inspect", "is_complete", "kernel_info")
)
"""Questions that do not touch what a running cell does."""


class CiaoKernel(IPythonKernel):
    """IPython's kernel and the extension."""

    implementation = "ciao"
    implementation_version = __version__

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shell.extension_manager.load_extension("ciao")
        # Private to ipykernel 7.4: where they are missing, questions wait for the job as in any kernel.
        lock = getattr(self, "_main_asyncio_lock", None)
        concurrent = "concurrent" in inspect.signature(self.dispatch_shell).parameters
        self._busy: asyncio.Lock | None = lock if concurrent else None

    async def shell_main(self, subshell_id: str | None, msg: Any) -> None:
        """Answer a question at once though an awaiting cell holds the lock; anything else waits for it."""
        if subshell_id is None and self._busy is not None and self._busy.locked():
            header = self._header(msg)
            if header.get("msg_type") in MEANWHILE:
                await self._answer(header, msg)
                return
        await super().shell_main(subshell_id, msg)

    async def _answer(self, header: dict[str, Any], msg: Any) -> None:
        """Answer in a context of its own, so that the job's output keeps its parent.

        JupyterLab waits for the idle of the question, and takes any idle for the kernel's: so busy follows.
        """
        job, ident = self.get_parent("shell"), self._get_shell_context_var(self._shell_parent_ident)
        parent = {"header": header}
        self._publish_status("busy", "shell", parent=parent)
        try:
            await asyncio.create_task(self.dispatch_shell(msg, concurrent=True), context=copy_context())
        finally:
            self.set_parent(ident, job, channel="shell")
            self._publish_status("idle", "shell", parent=parent)
            if self._busy is not None and self._busy.locked():
                self._publish_status("busy", "shell", parent=job)

    def _header(self, msg: Any) -> dict[str, Any]:
        try:
            _, frames = self.session.feed_identities(msg, copy=False)
            header: dict[str, Any] = self.session.deserialize(frames, content=False, copy=False)["header"]
        except Exception:  # noqa: BLE001  # ipykernel reports what it cannot read
            return {}
        return header

    def do_inspect(
        self, code: str, cursor_pos: int, detail_level: int = 0, omit_sections: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Explain options and commands on magic lines, and Python as ever."""
        from ciao.frontends.notebook import completion

        if (text := completion.explained(code, cursor_pos)) is not None:
            return {"status": "ok", "found": True, "data": {"text/plain": text}, "metadata": {}}
        reply: dict[str, Any] = super().do_inspect(code, cursor_pos, detail_level, omit_sections)
        return reply


class KernelApp(IPKernelApp):
    """Starts the kernel."""

    kernel_class = Type(CiaoKernel, klass="ipykernel.kernelbase.Kernel").tag(config=True)

    def init_sockets(self) -> None:
        """Open the sockets, without the warning of eavesdroppers where only this machine can listen."""
        silence = _only_local if _loopback(self.ip) else _everything
        self.log.addFilter(silence)
        try:
            super().init_sockets()
        finally:
            self.log.removeFilter(silence)


def main(argv: list[str]) -> None:
    """Run a kernel until it is shut down; ``argv`` is what follows ``ciao kernel``, such as ``-f FILE``."""
    KernelApp.launch_instance(argv=argv)


def _loopback(ip: str) -> bool:
    return ip in ("localhost", "::1") or ip.startswith("127.")


def _only_local(record: logging.LogRecord) -> bool:
    return "without encryption" not in record.getMessage()


def _everything(_: logging.LogRecord) -> bool:
    return True
