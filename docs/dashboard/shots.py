"""Takes the pictures of docs/dashboard.md: runs the sample project, serves its runs, and looks. `inv shots`.

Needs a Chromium on the PATH and the `dev` extra.
"""

from __future__ import annotations

import io
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
SAMPLE = HERE.parents[1] / "sample_project"
BENCHCTL = (sys.executable, "-m", "benchctl.cli")
RUNS = (
    ("--tag", "baseline", "--note", "as it was"),
    ("--set", "commits=500", "--tag", "short"),
    ("--set", "commits=1"),  # too few for the load, which fails
    ("--tag", "nightly", "--note", "after the kernel's update"),
)
PAGES = {
    "runs": "",
    "run": "runs/run-004",
    "compare": "compare?run=run-004:delete&run=run-004:wal",
    "metadata": "metadata?run=run-001&run=run-002&run=run-004",
}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        project = committed(Path(folder, "project"))
        results = f"{folder}/results"
        for arguments in RUNS:
            command = [*BENCHCTL, "run", "config.yaml", "--results", results, "--repeat", "5", "--no-plots", *arguments]
            subprocess.run(command, check=False, cwd=project, stdout=subprocess.DEVNULL)
        with serving(results) as address, browsing() as page:
            for name, path in PAGES.items():
                page.goto(address + path)
                page.evaluate("document.querySelectorAll('.view').forEach((one) => one.scrollIntoView())")
                page.wait_for_load_state("networkidle")
                keep(page.screenshot(full_page=True), HERE / f"{name}.png")


def committed(project: Path) -> Path:
    """The sample project as somebody has it: alone, and in git."""
    shutil.copytree(SAMPLE, project)
    author = ("-c", "user.name=benchctl", "-c", "user.email=benchctl@localhost")
    for command in (("init", "-q", "-b", "main"), ("add", "."), (*author, "commit", "-q", "-m", "the sample project")):
        subprocess.run(["git", *command], check=True, cwd=project)
    return project


def keep(picture: bytes, path: Path) -> None:
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


@contextmanager
def serving(results: str) -> Iterator[str]:
    command = [*BENCHCTL, "serve", "--port", "0", "--results", results]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found
        yield found[0]
        process.send_signal(signal.SIGINT)


@contextmanager
def browsing() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser.new_context(viewport={"width": 1180, "height": 700}).new_page()
        browser.close()


if __name__ == "__main__":
    main()
