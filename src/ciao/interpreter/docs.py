"""Writes the reference of the language: ``python -m ciao.interpreter.docs > docs/magics.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from ciao.frameworks import FRAMEWORKS
from ciao.interpreter.job_options import unasked
from ciao.interpreter.nearest import listed
from ciao.interpreter.option import YES, Option
from ciao.interpreter.options import SECTIONS

__all__ = ["page"]

_HEAD = """\
# The language of a cell

<!-- Generated from the table of options: python -m ciao.interpreter.docs > docs/magics.md -->

A cell whose first line, after blank lines and comments, is one of the magics below is a **job cell**. Every other cell
is ordinary Python. Three spellings mean the same:

```
%framework=tensorflow
%ps=1
%worker=2;%cpu=1;%memory=1Gi
```

```
%kubeflow framework=tensorflow ps=1 worker=2 worker.cpu=1 worker.memory=1Gi
```

```
%%kubeflow framework=tensorflow ps=1 worker=2 worker.cpu=1 worker.memory=1Gi
```

- The magics end at the first line that is neither a magic, nor blank, nor a comment. One further down is an error.
- `%%kubeflow` is the first line of its cell. Lines of the other two spellings may follow it and each other.
- A magic of IPython's that runs the cell below it, such as `%%time`, cannot stand above them.
- `%worker?` in a cell of its own shows the help of `%worker`, as `?` does for any magic; `%kubeflow?` that of all.
- A `;` separates options only before the next `%`, or at the end of a line; elsewhere it belongs to the value.
- `%cpu`, `%memory`, `%gpu` and every other resource belong to the role before them on their line. `%image` and `%patch`
  do so if there is one, and else to the whole job. By its full name, such as `%worker.cpu`, each may stand anywhere.
- A value is quoted as in a shell: it ends at a space, and quotes (`'`, `"`) or a backslash keep what would end it.
  Nothing is expanded. A `#` behind a space begins a comment. Spaces around the `=` are allowed.
- `%package` and `%include` take words to the end of their line, or to a `;` before the next `%`. In a `%kubeflow` line
  such words are one value, in quotes: `package='einops timm'`.
- Behind the value of `%s2i` its `dockerfile=` may follow on the line, after a space.
- Each option is given once, but for `%volume`, `%package` and `%include`. A role of which there are zero is
  left out; another must remain.
- Line numbers are those of the cell: a magic line becomes an empty line, and nothing else of the code changes. A byte
  order mark at the start of a cell stays at the start of the code.
- The code is compiled before anything is created. A syntax error, a notebook's own syntax (`%matplotlib`, `!pip`,
  `name?`) or an `await` outside of a function is an error at its line. If another Python runs the replicas (`%python`),
  it is the judge of its syntax.
"""


def page() -> str:
    """The whole document."""
    sections = (line for title, options in SECTIONS.items() for line in _section(title, options))
    return "\n".join([_HEAD, *sections, *_frameworks()])


def _section(title: str, options: Iterable[Option[object]]) -> list[str]:
    parts = [f"## {title}", ""]
    for option in options:
        parts += [f"### `%{option.name}={option.metavar}`", "", f"{_sentence(option.meaning)} {option.help}", ""]
        parts += [f"- `{choice.value}`: {choice.meaning}" for choice in option.choices]
        parts += [""] if option.choices else []
        parts += [f"Example: `{option.example}`. Default: {option.default}.", ""]
        parts += [f"For: {listed(option.frameworks)}.", ""] if option.frameworks else []
        parts += [_sentence(f"on the local backend: {option.local}"), ""] if option.local != YES else []
    return parts


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _frameworks() -> list[str]:
    rows = ["## Frameworks", "", "| framework | roles | at most one | without a role |", "|---|---|---|---|"]
    for framework in FRAMEWORKS.values():
        roles = listed(role.value for role in framework.roles)
        single = listed(role.value for role in framework.roles if role in framework.single) if framework.single else ""
        rows.append(f"| {framework.name} | {roles} | {single} | {unasked(framework)} |")
    return [*rows, ""]


if __name__ == "__main__":
    sys.stdout.write(page())
