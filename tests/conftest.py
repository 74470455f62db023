from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.shell"]

# No deadline: two cores are shared. No database in CI: nothing to keep it in.
_quiet = [HealthCheck.too_slow]
settings.register_profile(
    "dev",
    deadline=None,
    print_blob=True,
    max_examples=100,
    suppress_health_check=_quiet,
)
settings.register_profile(
    "ci", settings.get_profile("dev"), database=None, derandomize=True
)
settings.load_profile("ci" if "CI" in os.environ else "dev")
