"""What installing and importing benchctl brings along, and that its documentation tells the truth."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

import pytest
from test_cli_console import SMALL, benchctl_in, config_in

import benchctl

ROOT = Path(__file__).parents[1]
HEAVY = {"asyncio", "cryptography", "fabric", "flask", "invoke", "jinja2", "matplotlib", "numpy", "pandas", "paramiko"}
HEAVY |= {"rich", "scipy", "seaborn", "voluptuous", "yaml"}
REPORT = "import sys; print('LOADED', *{name.partition('.')[0] for name in sys.modules})"


def loaded_by(code: str, *arguments: str, directory: Path) -> set[str]:
    """The top-level modules that a fresh interpreter holds after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{REPORT}", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.partition("LOADED")[2].split())


def test_importing_benchctl_loads_nothing_heavy(tmp_path: Path) -> None:
    assert not loaded_by("import benchctl", directory=tmp_path) & (HEAVY | {"click"})


@pytest.mark.parametrize("command", ["--help", "run --help", "list", "list --json", "show", "logs"])
def test_looking_at_runs_loads_nothing_heavy(tmp_path: Path, command: str) -> None:
    config_in(tmp_path)
    benchctl_in(tmp_path, "run", "-q")
    code = "import sys\nfrom benchctl.cli import cli\nfrom benchctl.cli.console import Wanted\n"
    code += "cli.main(sys.argv[1:], standalone_mode=False, obj=Wanted(json=False))"
    assert not loaded_by(code, *command.split(), directory=tmp_path) & HEAVY


def test_validate_loads_no_connection_library_before_the_config_is_right(tmp_path: Path) -> None:
    code = "import benchctl\ntry: benchctl.load('nowhere.yaml')\nexcept benchctl.ConfigError: pass"
    assert not loaded_by(code, directory=tmp_path) & {"fabric", "invoke", "paramiko"}


def test_everything_in_all_is_there() -> None:
    for name in benchctl.__all__:
        assert getattr(benchctl, name).__doc__


def test_the_console_script_and_the_package_data_are_installed() -> None:
    (script,) = [point for point in entry_points(group="console_scripts") if point.name == "benchctl"]
    assert script.value == "benchctl.cli:main"
    template = files("benchctl") / "templates/init"
    assert all((template / name).is_file() for name in ("config.yaml", "scripts/measure.sh", ".gitignore"))
    assert (files("benchctl") / "py.typed").is_file()


def test_the_api_runs_a_benchmark_and_tells_every_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    heard: list[str] = []
    benchmark = benchctl.load(config_in(tmp_path), overrides={"word": "hi"})
    run = benchctl.run(benchmark, overrides={"word": "hi"}, listeners=[lambda event: heard.append(event.kind)])
    assert (run.status, run.exit_code) == ("succeeded", 0)
    assert benchctl.find("latest").uid == run.uid
    assert (heard[0], heard[-1]) == ("run_started", "run_finished")
    assert benchctl.results_directory(benchmark) == Path("results")


def test_the_api_gives_all_problems_of_a_config(tmp_path: Path) -> None:
    with pytest.raises(benchctl.ConfigError) as caught:
        benchctl.load(config_in(tmp_path, SMALL + "    hots: db\n    cwdd: x\n"))
    assert [problem.line for problem in caught.value.problems] == [9, 10]


# documentation


def pages() -> list[Path]:
    return [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "sample_project/README.md",
    ]


def whole_configs() -> Iterator[tuple[str, str]]:
    """The fenced YAML blocks of the documentation that are whole configs, with the name of the place."""
    for page in pages():
        for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)):
            if re.search(r"^benchmark:", block, re.MULTILINE) and re.search(r"^stages:", block, re.MULTILINE):
                yield f"{page.name}-{number}", block


@pytest.mark.parametrize("block", [pytest.param(block, id=name) for name, block in whole_configs()])
def test_a_config_in_the_documentation_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: str) -> None:
    for variable in set(re.findall(r"\$\{([A-Z_]+)\}", block)):
        monkeypatch.setenv(variable, "value-from-environment")
    for script in re.findall(r"script: *\"?([\w./-]+)", block):
        (tmp_path / script).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / script).write_text("#!/bin/sh\n")
    benchctl.load(config_in(tmp_path, block))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_in_the_documentation_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def test_every_page_of_the_documentation_is_in_its_index() -> None:
    index = (ROOT / "docs/README.md").read_text()
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or page.name in index


def test_every_option_is_documented() -> None:
    """docs/commands.md names each command with each of its options."""
    from benchctl.cli import cli

    text = (ROOT / "docs/commands.md").read_text()
    for name, command in cli.commands.items():
        section = text.partition(f"\n## {name}")[2].partition("\n## ")[0]
        for option in (option for parameter in command.params for option in parameter.opts if option.startswith("-")):
            assert f"`{option}" in section or f", {option}" in section, f"{name} {option}"
