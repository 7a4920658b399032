"""The dashboard: `benchctl serve`. It reads a results directory and never writes there; see docs/dashboard.md.

This package alone imports flask and waitress. What draws pictures is in a process of its own (`painting`).
"""
