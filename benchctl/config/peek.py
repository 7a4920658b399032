"""One value of a config, for who wants no more of it."""

from __future__ import annotations


def output_dir_in(text: str) -> str | None:
    """The output_dir of a config's text, also when the rest of it is wrong; None when it gives none."""
    import yaml  # costs more than listing the runs does, and few texts need it

    try:
        root = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    benchmark = root.get("benchmark") if isinstance(root, dict) else None
    found = benchmark.get("output_dir") if isinstance(benchmark, dict) else None
    return found if isinstance(found, str) and found not in ("", "~", "null") else None
