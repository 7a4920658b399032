"""Where in the config that a run keeps the stage stands that failed."""

from __future__ import annotations

from benchctl.config.document import Document
from benchctl.config.yaml_file import parse
from benchctl.errors import ConfigError


def line_of_stage(config: bytes, stage: str | None) -> int:
    """The line of the name of a stage, as the config's reader knows it; 0 where there is none."""
    if not stage:
        return 0
    try:
        document = parse(config, "config.yaml")
    except ConfigError:
        return 0
    found = [at for at, name in enumerate(_names(document)) if name == stage]
    return document.line(("stages", found[0], "name")) if found else 0


def _names(document: Document) -> list[object]:
    stages = document.root.get("stages") if isinstance(document.root, dict) else None
    return [stage.get("name") if isinstance(stage, dict) else None for stage in stages or ()]
