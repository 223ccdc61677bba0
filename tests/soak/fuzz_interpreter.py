"""Feeds the interpreter with texts until one breaks it.

    python tests/soak/fuzz_interpreter.py --count 200000 [--seed N]

Every text must give a spec whose code is the cell's without its magics, or a CellError that lies within the text, and
nothing else; completion, help and the look-up of free names must not raise. The same seed gives the same texts. Prints
its rate and a closing line; the exit code is 1, with the text, on the first that breaks a rule.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
import traceback
from pathlib import Path

from ciao.errors import CellError
from ciao.frameworks import FRAMEWORKS
from ciao.interpreter import complete, explain, free_names, is_job_cell, read
from ciao.interpreter.cluster_options import CLUSTER
from ciao.interpreter.job_options import JOB
from ciao.interpreter.options import OPTIONS, full_names
from ciao.model import Cell, Role
from ciao.settings import Settings

SETTINGS = Settings(home=Path("/nowhere"))
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
ENDS = ("\n", "\n", "\n", "\r\n", "\r")
KNOWN = frozenset({"model", "x", "torch", "data"})

NAMES = [
    *(*full_names(), "env.A", "secret.A", "cpu", "memory", "gpu", "ephemeral-storage", "kubeflow", "include", "wroker"),
    *("matplotlib", "cleanpolicy", "nvidia.com/gpu", "worker.nvidia.com/gpu", "a/b", "hugepages-2Mi", "worker.patch"),
    *("s2i", "dockerfile", "package", "include", "send"),
]
VALUES = [
    *(
        "append",
        "buildah dockerfile=D",
        "podman dockerfile=",
        "einops 'b >= 2' -r x.txt",
        "src/ 'a b",
        "a b;",
        "'a' ''",
    ),
    *("0", "1", "2", "10000", "500m", "1Gi", "1GB", "all", "true", "90s", "1h30m", "jax", "pytorch", "tensorflow"),
    *("local", "'a b'", '"a', "a;b", "\\", "", "my-job", "\u0663", "1e3", "$HOME", "#", "x" * 50),
    *("TrainJob", "mpijob", "MPIJob", "mpi", "1:4", "4:1", "hub/token", "data:/data", "node:/a:/b:ro", "data:/data:rw"),
    *("'{spec: {a: [1, 0.5, x]}}'", '"{spec: {a: &b c, d: *b}}"', "{spec:{}}", "'{spec: '", "{", "'{? [a]: b}'", "!!x"),
    *(
        '"metadata: {labels: {on: 0644}}"',
        "'[" + "[" * 60 + "'",
        "a/b:1@sha256:" + "0" * 64,
        "A/B",
        "...",
        "@file.yaml",
    ),
]
CODE = [
    *(
        "x = 1",
        "import torch",
        "model.fit(data)",
        "def f():",
        "    return x",
        "if x:",
        "\tpass",
        "'''",
        '"""',
        "(",
        ")",
    ),
    *(
        "x = = 1",
        "!ls 'a",
        "%matplotlib inline",
        "%%time",
        "x = !ls",
        "x = %who",
        "x?",
        "?x",
        "await x",
        "async def f():",
    ),
    *(
        "    await x",
        "async for x in y: pass",
        "# coding: latin-1",
        "# text",
        "",
        "x = \\",
        "f'{x}'",
        ">>> x",
        "class A: x",
    ),
    *(
        "lambda: (yield)",
        "return",
        "x: int",
        "global x",
        "[x for x in x]",
        "x += 1",
        "from x import *",
        "del x",
        "\x0c",
    ),
]
GOOD_CODE = [
    *("x = 1", "import torch", "model.fit(data)", "# text", "", "'''\n%worker=2\n!ls\n'''", "def f():\n    return x"),
    *("async def f():\n    await x", "f'{x}'", "[y for y in x if y]", "class A:\r\n\tx = '\\0'", "y = '\u2028\x1c'"),
    *("x += 1", "x = (\n1)"),
]
ODD = [*"%=;#'\"\\ \t\n\r\x0b\x0c\x1c\x1d\x85\u2028\ufeff\0()[]{}!?.:,", "\ud800", "😀", "é", "ﬁ", "\u00a0"]


class Broken(Exception):
    """A rule that did not hold."""


def setting(rng: random.Random) -> str:
    option = rng.choice(OPTIONS)
    if rng.random() < 0.5:
        return option.example.rpartition("%")[2]
    return f"{rng.choice(NAMES)}{rng.choice(('=', '=', '=', ' = ', '', '= '))}{rng.choice(VALUES)}"


def magic(rng: random.Random) -> str:
    settings = [setting(rng) for _ in range(rng.randint(1, 3))]
    kind = rng.random()
    if kind < 0.3:
        return f"{rng.choice(('%', '%', '%%'))}kubeflow {' '.join(settings)}"
    return rng.choice((";", "; ", " ", ";;")).join(f"%{s}" for s in settings) if kind < 0.5 else f"%{settings[0]}"


def good(rng: random.Random) -> str:
    """A cell that gives a spec, in any of the spellings."""
    framework = rng.choice(tuple(FRAMEWORKS.values()))
    free = [o for o in (*JOB[1:], *CLUSTER) if o.name not in ("kind", "elastic") and not o.frameworks]
    stated = [f"framework={framework.name}", *(o.example[1:] for o in free if rng.random() < 0.2)]
    stated += [f"{role}=1" for role in framework.roles if role is not Role.CHIEF and rng.random() < 0.5]
    behind = ("cpu=1", "image=a/b:1", "nvidia.com/mig-1g.5gb=1", "patch='{spec: {hostNetwork: true}}'")
    stated += [f"{r}.{rng.choice(behind)}" for r in framework.roles if f"{r}=1" in stated and rng.random() < 0.5]
    head = (
        [f"{rng.choice(('%', '%%'))}kubeflow {' '.join(stated)}"] if rng.random() < 0.4 else [f"%{s}" for s in stated]
    )
    rows = [*head, *rng.sample(GOOD_CODE, rng.randint(1, 4))]
    return rng.choice(ENDS).join(rows) + rng.choice(("", "\n"))


def cell(rng: random.Random) -> str:
    if rng.random() < 0.5:
        return mutated(rng, good(rng)) if rng.random() < 0.6 else good(rng)
    framework = rng.choice(tuple(FRAMEWORKS))
    rows = [f"%framework={framework}"] if rng.random() < 0.8 else []
    rows += [rng.choice((magic(rng), "", "# text", "%worker=2")) for _ in range(rng.randint(0, 3))]
    rows += [rng.choice(CODE) for _ in range(rng.randint(0, 4))]
    if rng.random() < 0.1:
        rng.shuffle(rows)
    end = rng.choice(ENDS)
    text = ("\ufeff" if rng.random() < 0.05 else "") + end.join(rows) + (end if rng.random() < 0.7 else "")
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 5))):
        text = mutated(rng, text)
    return text


def mutated(rng: random.Random, text: str) -> str:
    at = rng.randint(0, len(text))
    to = min(len(text), at + rng.choice((0, 0, 1, 2, 8)))
    put = rng.choice(ODD) if rng.random() < 0.8 else chr(rng.randrange(0x110000))
    return text[:at] + rng.choice((put, "", text[at:to] * 2)) + text[to:]


def check(text: str, rng: random.Random) -> bool:
    """Whether the text gave a spec. Raises for a broken rule."""
    if rng.random() < 0.25:  # a text costs as much here as in all the rest
        cursor = rng.randint(-1, len(text) + 1)
        complete(text, cursor)
        explain(text, cursor)
    try:
        spec = read(Cell(text=text, number=1), settings=SETTINGS)
    except CellError as error:
        check_place(error, LINE.findall(text))
        return False
    if not is_job_cell(text) or not spec.replicas:
        raise Broken("a spec of a cell that is no job cell, or without replicas")
    before, after = LINE.findall(text), LINE.findall(spec.code)
    if len(before) != len(after):
        raise Broken("lines were lost")
    for old, new in zip(before, after, strict=True):
        ours = old.removeprefix("\ufeff").lstrip(" \t").startswith("%")
        if new != old and not (ours and new.removeprefix("\ufeff") in ("\n", " \n", "\r\n", "\r")):
            raise Broken(f"a line of code was changed: {old!r} to {new!r}")
    free_names(spec.code, known=KNOWN)
    return True


def check_place(error: CellError, lines: list[str]) -> None:
    if not 1 <= error.line <= max(1, len(lines)):
        raise Broken(f"line {error.line} of {len(lines)}")
    source = lines[error.line - 1].rstrip("\r\n") if lines else ""
    if error.source != source.removeprefix("\ufeff" if error.line == 1 else ""):
        raise Broken(f"the error shows {error.source!r}, the line is {source!r}")
    if not (1 <= error.column <= len(error.source) + 1 and error.width >= 1 and error.message and error.picture()):
        raise Broken(f"column {error.column}, width {error.width} in {error.source!r}")


def run(count: int, seed: int) -> int:
    rng = random.Random(seed)
    specs, start = 0, time.perf_counter()
    for number in range(count):
        text = cell(rng)
        try:
            specs += check(text, rng)
        except Exception:  # noqa: BLE001  # any exception is what we are looking for
            traceback.print_exc()
            print(f"broken by input {number} of seed {seed}: {text!r}")
            return 1
    seconds = time.perf_counter() - start
    print(f"{count / seconds:,.0f} texts a second")
    print(f"{count:,} texts of seed {seed}: {specs:,} specs, {count - specs:,} errors, nothing else")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    sys.exit(run(options.count, options.seed))
