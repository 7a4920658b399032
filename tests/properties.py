"""How much the property-based tests try: the same examples each time, and none that take long."""

from __future__ import annotations

from hypothesis import settings

few = settings(max_examples=80, deadline=None, derandomize=True, database=None)
