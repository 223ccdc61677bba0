"""What the gateway says of itself to whoever opens its address: the same to everybody, and no secret. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from string import Template

__all__ = ["Page", "html", "text"]

HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?")

INTRODUCTION = "Kernels for a JupyterLab that runs somewhere else."
WAY = "Connect one with the token of this gateway:"
TRUST = "If its certificate is not of a public authority, name the file to trust first: SSL_CERT_FILE=..."
KNOWS = "There are no files, terminals or notebooks here: the notebook stays where the JupyterLab is."

STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5a6675; --paper: #f6f7f9; --card: #fff; --line: #dde2e8;
  --mark: #0b6e63 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaef; --soft: #9aa6b4; --paper: #12171d; --card: #1a2129; --line: #2c3641; --mark: #4fd1bf }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; grid-template-columns: minmax(0, 44rem); place-content: center;
  padding: 1.5rem; color: var(--ink); background: var(--paper); font: 1rem/1.6 system-ui, sans-serif }
main { background: var(--card); border: 1px solid var(--line);
  border-top: 3px solid var(--mark); border-radius: 8px; padding: clamp(1.25rem, 5vw, 2.25rem) }
h1 { margin: 0; font-size: 1.35rem; letter-spacing: -.01em }
p { margin: .75rem 0 0 }
.soft { color: var(--soft); font-size: .9rem }
pre { margin: .75rem 0 0; padding: .9rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; background: var(--paper);
  border: 1px solid var(--line); border-radius: 6px; font: .875rem/1.5 ui-monospace, monospace }
"""

HTML = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Ciao gateway</title>
<style>$style</style>
<main>
<h1>Ciao gateway</h1>
<p>$introduction</p>
<p>$way</p>
<pre><code>$command</code></pre>
$notes
</main>
</html>
""")


@dataclass(frozen=True, kw_only=True)
class Page:
    """By which address it was opened. ``token``: whether one is wanted."""

    scheme: str
    host: str
    base_url: str
    token: bool

    @property
    def command(self) -> str:
        """The one line for a shell. A host that no client sends is not repeated."""
        host = self.host if HOST.fullmatch(self.host) else "HOST:8889"
        secret = "JUPYTER_GATEWAY_AUTH_TOKEN=... " if self.token else ""
        return f"{secret}jupyter lab --gateway-url={self.scheme}://{host}{self.base_url}"

    @property
    def notes(self) -> tuple[str, ...]:
        """What stands below it."""
        return (TRUST, KNOWS) if self.scheme == "https" else (KNOWS,)

    @property
    def way(self) -> str:
        """What stands before it."""
        return WAY if self.token else WAY.replace(" with the token of this gateway", "")


def html(page: Page) -> str:
    """For a browser: no script, nothing from elsewhere."""
    words = {"introduction": INTRODUCTION, "way": page.way, "command": page.command}
    notes = "\n".join(f'<p class="soft">{escape(note)}</p>' for note in page.notes)
    return HTML.substitute({name: escape(text) for name, text in words.items()} | {"style": STYLE, "notes": notes})


def text(page: Page) -> str:
    """For a terminal."""
    return f"Ciao gateway\n{INTRODUCTION}\n\n{page.way}\n\n    {page.command}\n\n" + "".join(
        f"{note}\n" for note in page.notes
    )
