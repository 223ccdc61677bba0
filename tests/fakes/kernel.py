"""A client of a real kernel, in words of what a user sees."""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from fakes.unfolded import unfolded

__all__ = ["Kernel", "Ran", "launched"]

PATIENCE = 60.0
"""Seconds until a test gives up."""


@dataclass
class Ran:
    """What one execution sent; ``drawn`` is the stream as it is in the cell, ``panels`` are displays as HTML."""

    reply: dict[str, Any] = field(default_factory=dict)
    drawn: str = ""
    stderr: str = ""
    results: list[str] = field(default_factory=list)
    displays: dict[str, list[str]] = field(default_factory=dict)
    panels: list[str] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def stdout(self) -> str:
        """The stream, in which what several replicas said is there for each of them."""
        return unfolded(self.drawn)

    @property
    def status(self) -> str:
        """The last status line."""
        return next(reversed(self.displays.values()))[-1] if self.displays else ""

    @property
    def error(self) -> tuple[str, str, str]:
        """Name, value and traceback of the one error, which the reply tells as well."""
        (error,) = self.errors
        assert (self.reply["ename"], self.reply["evalue"]) == (error["ename"], error["evalue"])
        return error["ename"], error["evalue"], "\n".join(error["traceback"])

    def take(self, message: dict[str, Any]) -> None:
        content = message["content"]
        match message["msg_type"]:
            case "stream" if content["name"] == "stdout":
                self.drawn += content["text"]
            case "stream":
                self.stderr += content["text"]
            case "execute_result":
                self.results.append(content["data"]["text/plain"])
            case "display_data" | "update_display_data":
                shown = self.displays.setdefault(content["transient"].get("display_id", ""), [])
                shown.append(content["data"]["text/plain"])
                self.panels.append(content["data"].get("text/html", ""))
            case "error":
                self.errors.append(content)


class Kernel:
    """One kernel and one client; ``patience`` is seconds for each wait."""

    def __init__(self, manager: KernelManager, *, patience: float = PATIENCE) -> None:
        self.manager = manager
        self._patience = patience
        self.client: BlockingKernelClient = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)

    @property
    def pid(self) -> int:
        pid = self.manager.provisioner.pid  # type: ignore[union-attr]  # it was started
        assert pid is not None
        return int(pid)

    def run(self, code: str, **how: Any) -> Ran:
        """Execute, and wait for the end of it."""
        return self.wait(self.client.execute(code, **how))

    def start(self, code: str, *, until: str) -> tuple[str, Ran]:
        """Execute, and wait only until this was printed."""
        request = self.client.execute(code)
        ran = Ran()
        self._listen(request, ran, lambda m: until in ran.stdout + ran.status or _idle(m))
        assert until in ran.stdout + ran.status, f"it ended first: {ran}"
        return request, ran

    def wait(self, request: str, ran: Ran | None = None) -> Ran:
        """Wait for the end of an execution that was started."""
        ran = ran or Ran()
        self._listen(request, ran, _idle)
        ran.reply = self.answer(request)
        return ran

    def watch(self, request: str, ran: Ran, until: Callable[[Ran], bool]) -> None:
        """Take what still comes of an execution that has ended."""
        if not until(ran):
            self._listen(request, ran, lambda _: until(ran))

    def answer(self, request: str) -> dict[str, Any]:
        """The content of the reply on the shell channel."""
        end = time.monotonic() + self._patience
        while time.monotonic() < end:
            message = self.client.get_shell_msg(timeout=self._patience)
            if message["parent_header"].get("msg_id") == request:
                return dict(message["content"])
        raise TimeoutError(request)

    def silent(self) -> list[dict[str, Any]]:
        """What has come by now."""
        messages = []
        while True:
            try:
                messages.append(self.client.get_iopub_msg(timeout=0.2))
            except queue.Empty:
                return messages

    def interrupt(self) -> None:
        """What the stop button does."""
        os.kill(self.pid, signal.SIGINT)

    def close(self) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)

    def _listen(self, request: str, ran: Ran, enough: Callable[[dict[str, Any]], bool]) -> None:
        end = time.monotonic() + self._patience
        while time.monotonic() < end:
            message = self.client.get_iopub_msg(timeout=self._patience)
            if message["parent_header"].get("msg_id") == request:
                ran.take(message)
                if enough(message):
                    return
        raise TimeoutError(f"{request}: {ran}")


def _idle(message: dict[str, Any]) -> bool:
    return bool(message["content"].get("execution_state") == "idle")


def launched(
    home: Path, name: str = "ciao", *, environment: Mapping[str, str] = MappingProxyType({}), patience: float = PATIENCE
) -> Kernel:
    """Start the kernel of this name, with jobs below ``home`` and more in its ``environment``."""
    manager = KernelManager(kernel_name=name)
    manager.start_kernel(env={**os.environ, "CIAO_HOME": str(home), **environment})
    return Kernel(manager, patience=patience)
