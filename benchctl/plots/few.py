"""Percentiles of too few rows: of less than 100 a p99 is little more than the largest."""

from __future__ import annotations

from benchctl.analysis.aggregate import QUANTILES


def rows_needed(how: str | None) -> int:
    """How many rows a percentile must have to mean much: 100 for p99, 20 for p95, and 0 for what is none."""
    return round(1 / (1 - QUANTILES[how])) if how in ("p95", "p99") else 0


def few_rows(how: str | None, rows: int) -> str:
    """The mark of a percentile of too few rows, else nothing."""
    return f"of only {rows} rows" if rows < rows_needed(how) else ""
