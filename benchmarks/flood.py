"""A flood: 100 replicas write a million lines a minute, through a real Jupyter server and in JupyterLab.

First by the server's WebSocket, as a page has it: nothing that the server finds too much, an interrupt that works,
every line of every replica in the archive, and a kernel that does not grow. Then in JupyterLab in Chromium: the gaps
between two frames of the page. The replicas are processes of this machine that run with the lowest priority, all at
once from the moment at which all are up.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # published without types
import websocket

sys.path[:0] = [str(Path(__file__).parents[1] / "tests")]  # where the fixtures of a page are
from hop import SERVER, free_port, served  # type: ignore[import-not-found]  # noqa: E402  # the script beside this one

A_MINUTE = 1_000_000
GROWTH, STOP, GAP, LONGEST = 60.0, 1.0, 200.0, 1000.0
"""The limits: MiB that the kernel grows, seconds to a stop, milliseconds between frames (of 99 in 100, and of all)."""

CELL = """%framework=pytorch
%name=flood
%worker={replicas}
import os, time
os.nice(19)
from pathlib import Path
rank, lines = os.environ["RANK"], {lines}
print("up", flush=True)
while not Path("begin").exists():
    time.sleep(0.05)
began, every = float(Path("begin").read_text()), {seconds} / lines
time.sleep(int(rank) % 50 / 100)
written = 0
while written < lines:
    due = min(lines, int((time.time() - began) / every) + 1)
    for n in range(written, due):
        print(f"{{rank}} line {{n}} at {{time.time():.3f}} loss 0.12345 accuracy 0.98765 images 1234")
    written = max(written, due)
    time.sleep(0.5)
{end}
"""
ENDS = {"itself": "", "never": "time.sleep(3600)"}
LINE = re.compile(r" line \d+ at (\d+\.\d+) ")


@dataclass
class Seen:
    """What came of one cell, and when."""

    began: float = field(default_factory=time.time)
    ended: float = 0.0
    messages: int = 0
    bytes: int = 0
    lines: int = 0
    marks: int = 0
    lags: list[float] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def take(self, content: Mapping[str, Any], now: float) -> None:
        text = str(content["text"])
        if content["name"] == "stderr":
            self.warnings.append(text)
            return
        self.messages, self.bytes = self.messages + 1, self.bytes + len(text.encode())
        self.lines += text.count("\n")
        self.marks += len(re.findall(r"^… .* not shown; ", text, re.MULTILINE))
        if found := LINE.findall(text):
            self.lags.append(now - float(found[-1]))


class Client:
    """A kernel behind a server, as a page has it."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._headers = url, {"Authorization": f"token {token}"}
        self._kernel = json.loads(self._ask("/api/kernels", b'{"name": "ciao"}'))["id"]
        self._session = uuid.uuid4().hex
        channels = f"ws{url.removeprefix('http')}/api/kernels/{self._kernel}/channels?session_id={self._session}"
        self._socket = websocket.create_connection(channels, timeout=600, header=self._headers, suppress_origin=True)

    def start(self, code: str) -> str:
        """Execute a cell."""
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": self._session, "username": ""}
        content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        message = {"channel": "shell", "header": {**header, "version": "5.3", "date": ""}, "content": content}
        self._socket.send(json.dumps({**message, "parent_header": {}, "metadata": {}, "buffers": []}))
        return header["msg_id"]

    def wait(self, request: str) -> Seen:
        """All that comes of it until the kernel is idle."""
        seen = Seen()
        while not seen.ended:
            came = json.loads(self._socket.recv())
            if came["msg_type"] == "stream" and "exceeded" in str(came["content"]["text"]):  # the server's own words
                seen.warnings.append(came["content"]["text"])
            if came["parent_header"].get("msg_id") != request:
                continue
            if came["msg_type"] == "stream":
                seen.take(came["content"], time.time())
            elif came["content"].get("execution_state") == "idle":
                seen.ended = time.time()
        return seen

    def result(self, code: str) -> str:
        """What an expression is."""
        request = self.start(code)
        while True:
            came = json.loads(self._socket.recv())
            if came["parent_header"].get("msg_id") == request and came["msg_type"] == "execute_result":
                return str(came["content"]["data"]["text/plain"])

    def interrupt(self) -> None:
        """The stop button."""
        self._ask(f"/api/kernels/{self._kernel}/interrupt", b"{}")

    def _ask(self, path: str, body: bytes) -> bytes:
        request = urllib.request.Request(self._url + path, body, self._headers, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())


def processor(process: psutil.Process) -> float:
    """The seconds of a processor that it took so far."""
    return float(sum(process.cpu_times()[:2]))


class Memory:
    """Looks at a process four times a second."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.start = self.most = self._now()
        self._cpu = processor(self._process)
        self._stop = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def grown(self) -> float:
        """MiB over its start at most, so far."""
        return float(self.most - self.start)

    def cpu(self) -> float:
        """Seconds of a processor since its start."""
        return processor(self._process) - self._cpu

    def stop(self) -> None:
        self._stop.set()

    def _now(self) -> float:
        return float(self._process.memory_info().rss) / 2**20

    def _look(self) -> None:
        while not self._stop.wait(0.25):
            self.most = max(self.most, self._now())


@dataclass(frozen=True, kw_only=True)
class Flood:
    """What is asked of the replicas."""

    home: Path
    replicas: int
    seconds: float

    @property
    def each(self) -> int:
        """Lines of each replica."""
        return max(1, round(A_MINUTE / 60 * self.seconds / self.replicas))

    def cell(self, *, ends: str = "itself") -> str:
        return CELL.format(replicas=self.replicas, lines=self.each, seconds=float(self.seconds), end=ENDS[ends])

    def begin(self, before: set[Path]) -> Path:
        """Let them begin once all are up; the folder of their job."""
        while True:
            for job in set(self.home.glob("jobs/flood-*")) - before:
                logs = list(job.glob("logs/*.log"))
                if len(logs) == self.replicas and all(b" up\n" in log.read_bytes() for log in logs):
                    (job / "part").write_text(str(time.time()))
                    (job / "part").rename(job / "work" / "begin")
                    return job
            time.sleep(0.1)

    def whole(self, job: Path, *, cut: bool = False) -> bool:
        """Whether the archive has every line of every replica once and in order; ``cut``: as far as each came."""
        for rank in range(self.replicas):
            texts = (job / "logs" / f"worker-{rank}.log").read_text().splitlines()
            found = [int(n) for n in re.findall(rf"(?m)^\S+ {rank} line (\d+) at ", "\n".join(texts))]
            if found != list(range(len(found) if cut else self.each)):
                return False
        return True


def supervisor_of(job: Path) -> psutil.Process:
    return psutil.Process(int((job / "lock").read_text()))


def through_a_server(flood: Flood, client: Client) -> bool:
    """To its end, then another that is stopped."""
    memory = Memory(int(client.result("import os; os.getpid()")))
    client_side = psutil.Process()
    job, seen, supervised = run(flood, client)
    took = seen.ended - seen.began
    print(
        f"  {flood.replicas} replicas x {flood.each:,} lines in {flood.seconds:g} s; the cell took {took:.1f} s in all"
    )
    print(
        f"  shown: {seen.lines:,} lines and {seen.marks} marks in {seen.messages:,} messages, {seen.bytes / 1e6:.1f} MB"
        f"; the newest line of a message is {statistics.median(seen.lags or [0.0]):.2f} s old, "
        f"{max(seen.lags, default=0.0):.2f} s at most"
    )
    grown, cpu = memory.grown(), memory.cpu()
    print(f"  processor: kernel {cpu:.1f} s, supervisor {supervised:.1f} s, client {processor(client_side):.1f} s")
    whole, late = flood.whole(job), seen.ended - last_line(job)
    print(
        f"  every line of every replica once in the archive: {whole}; the prompt came {late:.2f} s after the last line"
    )
    print(f"  warnings of the server: {seen.warnings or 'none'}")
    stopped, cut = stop(flood, client)
    memory.stop()
    print(f"  an interrupt is at its end after {stopped:.2f} s (limit {STOP:g}); the archive has all until then: {cut}")
    print(f"  the kernel's memory: {memory.start:.0f} MiB, at most {grown:.0f} MiB more (limit {GROWTH:g})")
    return whole and cut and not seen.warnings and stopped <= STOP and grown <= GROWTH


def run(flood: Flood, client: Client) -> tuple[Path, Seen, float]:
    """The folder of the job, what came of it, and the seconds of a processor that its supervisor took."""
    before = set(flood.home.glob("jobs/*"))
    request = client.start(flood.cell())
    found: list[tuple[Path, list[float]]] = []
    threading.Thread(target=lambda: found.append(watched(flood.begin(before))), daemon=True).start()
    seen = client.wait(request)
    job, cpu = found[0]
    return job, seen, cpu[-1] if cpu else 0.0


def watched(job: Path) -> tuple[Path, list[float]]:
    """A list that gets the seconds of a processor which the supervisor took so far."""
    process, cpu = supervisor_of(job), list[float]()

    def look() -> None:
        while process.is_running():
            try:
                cpu.append(processor(process))
            except psutil.NoSuchProcess:
                return
            time.sleep(0.25)

    threading.Thread(target=look, daemon=True).start()
    return job, cpu


def last_line(job: Path) -> float:
    """When the last replica wrote it."""
    return max(float(LINE.findall(log.read_text())[-1]) for log in job.glob("logs/*.log"))


def stop(flood: Flood, client: Client) -> tuple[float, bool]:
    """Seconds from an interrupt in the midst of a flood until the kernel is idle, and whether the archive is whole."""
    before = set(flood.home.glob("jobs/*"))
    request = client.start(flood.cell(ends="never"))
    asked: list[tuple[Path, float]] = []

    def interrupt() -> None:
        job = flood.begin(before)
        time.sleep(min(5.0, flood.seconds / 2))
        asked.append((job, time.time()))
        client.interrupt()

    threading.Thread(target=interrupt, daemon=True).start()
    seen = client.wait(request)
    ((job, when),) = asked
    while (job / "lock").exists() and psutil.pid_exists(int((job / "lock").read_text())):
        time.sleep(0.1)
    return seen.ended - when, flood.whole(job, cut=True)


@contextmanager
def environment(home: Path, replicas: int) -> Iterator[Mapping[str, str]]:
    """Variables for a server whose kernels are ours, below ``home``."""
    install = [sys.executable, "-m", "ciao", "kernel", "install", "--prefix", str(home)]
    subprocess.run(install, check=True, capture_output=True)
    alone = {name: str(home / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    ours = {"CIAO_HOME": str(home / "ciao"), "CIAO_BACKEND": "local", "CIAO_LOCAL_REPLICAS": str(replicas)}
    yield {**alone, **ours, "JUPYTER_PATH": str(home / "share" / "jupyter"), "HOME": str(home)}


def in_a_page(flood: Flood, home: Path, given: Mapping[str, str]) -> bool:
    """Frames of JupyterLab while the flood runs."""
    from playwright.sync_api import sync_playwright

    from fakes.lab import Lab, jupyter

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        print("  not measured: no Chromium (Debian: apt-get install chromium)")
        return True
    (home / "page").mkdir()
    with jupyter(home / "page", environment=given) as url, sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        notebook = Lab(url=url, folder=home / "page" / "notebooks", browser=browser).open("flood", [flood.cell()])
        before = set(flood.home.glob("jobs/*"))
        notebook.run(0)
        job = flood.begin(before)
        notebook.page.evaluate(WATCH)
        notebook.page.wait_for_timeout(flood.seconds * 1000)
        gaps = sorted(notebook.page.evaluate("() => { const seen = window.gaps; window.gaps = null; return seen }"))
        notebook.page.set_default_timeout(300_000)
        notebook.page.wait_for_function(ENDED)
        shown = len(notebook.output(0).inner_text().splitlines())
        browser.close()
    often, most = gaps[int(len(gaps) * 0.99)], gaps[-1]
    print(
        f"  {len(gaps):,} frames in {flood.seconds:g} s, {shown:,} lines shown: half of the gaps are below "
        f"{gaps[len(gaps) // 2]:.0f} ms, 99 in 100 below {often:.0f} ms (limit {GAP:g}), all below {most:.0f} ms "
        f"(limit {LONGEST:g})"
    )
    whole = flood.whole(job)
    print(f"  every line of every replica once in the archive: {whole}")
    return whole and often <= GAP and most <= LONGEST


WATCH = """() => {
  window.gaps = [];
  let last = performance.now();
  const frame = () => {
    if (!window.gaps) return;
    const now = performance.now();
    window.gaps.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
ENDED = "() => /^\\[\\d+\\]:/.test(document.querySelector('.jp-CodeCell .jp-InputPrompt').innerText)"


def asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A flood of lines.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--replicas", type=int, default=100)
    parser.add_argument("--only", choices=("server", "page"))
    return parser.parse_args()


def main() -> int:
    wanted, kept = asked(), True
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        home = Path(folder)
        flood = Flood(home=home / "ciao", replicas=wanted.replicas, seconds=wanted.seconds)
        given = stack.enter_context(environment(home, wanted.replicas))
        if wanted.only != "page":
            print(f"-- through jupyter_server, load {os.getloadavg()[0]:.1f}", flush=True)
            url, token = f"http://127.0.0.1:{(port := free_port())}", uuid.uuid4().hex
            with served([*SERVER, f"--port={port}"], {**given, "JUPYTER_TOKEN": token}, f"{url}/api", None):
                kept = through_a_server(flood, Client(url, token))
        if wanted.only != "server":
            print(f"-- in JupyterLab, load {os.getloadavg()[0]:.1f}", flush=True)
            kept = in_a_page(flood, home, given) and kept
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
