"""What do all tests share? Hypothesis profiles, a project written to a temporary folder, and trials of file sets."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from trial import Trials, plant

_SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.data_too_large)
_NO_EXPLANATION = (Phase.explicit, Phase.generate, Phase.shrink)
_SHARED = settings(
    deadline=None,
    suppress_health_check=_SLOW_IS_FINE,
    phases=_NO_EXPLANATION,
    report_multiple_bugs=False,
    database=None,
)
settings.register_profile("quick", _SHARED, max_examples=15)
settings.register_profile("more", _SHARED, max_examples=120)
settings.register_profile("thorough", _SHARED, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

Project = Callable[[Mapping[str, str | bytes]], Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """`project({"app/db.py": "…", "pgbouncer.ini": b"…"})` writes the files and gives the project's root."""
    return lambda files: plant(tmp_path / "project", files)


@pytest.fixture(scope="session")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Trials:
    """Lints and fixes sets of files; answers are kept for the session, so checks of one case share the work."""
    return Trials(tmp_path_factory.mktemp("trials"))
