"""What the user set outside of cells, weakest first: defaults, /etc, ~/.ciao/config.yaml, CIAO_* variables."""

from __future__ import annotations

from ciao.settings.sources import SYSTEM_FILE, load, survey
from ciao.settings.table import SETTINGS, Given, Setting, Settings

__all__ = ["SETTINGS", "SYSTEM_FILE", "Given", "Setting", "Settings", "load", "survey"]
