"""Collected files as numbers. This package alone imports pandas and numpy; see docs/data.md."""
