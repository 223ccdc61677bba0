"""Which one of a replica's processes this is, if it has several: as torchrun, init and MPI's launchers tell it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Mapping, Optional

_OF_MPI = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK")
_OF_SEVERAL = ("RANK", "PROCESS_ID", "LOCAL_RANK")


def rank_of(environ: Mapping[str, str]) -> Optional[int]:
    """Its number among all processes of the job; None if its replica has no other."""
    several = environ.get("LOCAL_WORLD_SIZE", "1") not in ("", "0", "1")
    for name in (*_OF_MPI, *(_OF_SEVERAL if several else ())):
        text = environ.get(name, "")
        if text.isascii() and text.isdigit() and len(text) < 8:
            return int(text)
    return None
