"""Draws the gallery: every YAML block of plots.md that a picture follows. Run by hand, as `inv gallery`."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

import benchctl

HERE = Path(__file__).parent
PAGE = HERE.parent / "plots.md"
EXAMPLE = re.compile(r"```yaml\n(?P<yaml>[^`]*)```\n\n!\[[^\]]*\]\(gallery/(?P<file>[\w.-]+)\)")
FACTORS = ("1", "1.5", "2.2")
DPI = 80  # small files: a page of them is looked at on a screen


def main() -> None:
    with tempfile.TemporaryDirectory() as results:
        runs = [_run(number, factor, results) for number, factor in enumerate(FACTORS, 1)]
        for found in EXAMPLE.finditer(PAGE.read_text()):
            named = sorted({int(number) for number in re.findall(r"run-00(\d)", found["yaml"])}) or [1]
            (plot,) = yaml.safe_load(found["yaml"])["plots"]
            _draw([runs[number - 1] for number in named], plot, HERE / found["file"])


def _run(number: int, factor: str, results: str) -> Any:
    settings = {"factor": factor, "fill_factor": str(float(factor) * 1.6), "seed": str(number)}
    benchmark = benchctl.load(HERE / "config.yaml", overrides=settings)
    record = benchctl.run(benchmark, results=results, overrides=settings, draws=False)
    (HERE / "latency.csv").unlink()
    return record


def _draw(runs: list[Any], plot: dict[str, Any], path: Path) -> None:
    plot["dpi"] = DPI * (2 if plot.get("style") == "paper" else 1)
    (made,) = benchctl.plot(runs, to=path, **plot)
    if made.status != "drawn":
        raise SystemExit(f"{path}: {made.reason}")
    path.with_name(f"{path.name}.json").unlink()
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(64).save(path, optimize=True)
    print(f"{path} {path.stat().st_size / 1000:.0f} kB")


main()
