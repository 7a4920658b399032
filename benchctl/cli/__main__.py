"""`python -m benchctl.cli`."""

from __future__ import annotations

from benchctl.cli import main

if __name__ == "__main__":
    main()
