"""Shared by all tests: modules beside this file can be imported by name; generated examples are the same each run.

Examples are derived from the test itself, so a red run can be repeated; `HYPOTHESIS_PROFILE=search` looks for new ones.
No deadlines: how long a case takes belongs to the machine, not to the claim.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("steady", deadline=None, derandomize=True, database=None)
settings.register_profile("search", deadline=None, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))
