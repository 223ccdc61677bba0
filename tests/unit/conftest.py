"""What holds for every unit test: none is about a time that passes, so an example may take as long as it likes."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile(
    "unhurried",
    settings.get_profile(settings.get_current_profile_name()),  # CI has one of its own
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, *settings().suppress_health_check),
)
settings.load_profile("unhurried")
