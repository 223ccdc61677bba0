"""Code into an image, on one local registry: append against its own requests, against builders, cold, with packages.

Arguments choose parts: warm, cold, packages, builders. Limits are ratios and differences to what is measured beside it
in the same run; what builders take has none.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from importlib import import_module
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))  # where `cluster` and the parts are

PARTS = ("warm", "cold", "packages", "builders")


async def measured(parts: list[str]) -> bool:
    from benchmarks.on_registries.ground import ground

    kept = True
    async with ground() as here:
        for part in parts:
            print(f"-- {part}, load {os.getloadavg()[0]:.1f}", flush=True)
            kept = await import_module(f"benchmarks.on_registries.{part}").measure(here) and kept
    return kept


def main() -> int:
    if not shutil.which("docker-registry"):
        print("not measured: no docker-registry (apt-get install docker-registry)")
        return 0
    return 0 if asyncio.run(measured(sys.argv[1:] or list(PARTS))) else 1


if __name__ == "__main__":
    raise SystemExit(main())
