"""Where outputs and plots are kept: paths stay inside the run, and no two are the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from benchctl.config.document import Place, shown
from benchctl.config.findings import References, check_slugs_differ, check_unique
from benchctl.config.items import Item
from benchctl.config.model import is_pattern, slug

_OUR_FILES = ("metadata.json", "trial.json", "events.ndjson", "config.yaml")
_OUR_FOLDERS = ("logs", "scripts", "plots", "trials")
MAX_PATH = 1000
_WINDOWS_NAMES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def check_outputs(references: References) -> None:
    check_unique(references, references.draft.outputs(), "output")
    check_slugs_differ(references, references.draft.outputs(), "output")
    for stage in references.draft.stages:
        _check_folders_per_host(references, stage)
    for output in references.draft.outputs():
        _check_remote_path(references, output)
        if "local_path" in output:
            place, path = output.at("local_path"), _kept_folder(output, references.with_variables(output["local_path"]))
            _check_local_path(references, place, path)
            _check_not_ours(references, place, path, (*_OUR_FILES, *_OUR_FOLDERS))


def _check_folders_per_host(references: References, stage: Item) -> None:
    """What several hosts bring home goes to a folder each; an absolute path must tell them apart itself."""
    if "hosts" not in stage or not stage.get("outputs"):
        return
    for alias in references.hosts_of(stage):
        if alias.lower() in _OUR_FOLDERS:
            sentence = f"outputs from {shown(alias)} would go to {alias}/, which is benchctl's own; rename the host"
            references.problem(stage.at("hosts"), sentence)
    for output in stage["outputs"]:
        path = references.with_variables(output.get("local_path", ""))
        is_one = not path.startswith(("/", "~")) or "{{stage.host}}" in re.sub(r"\s", "", path)
        if not is_one and len(references.hosts_of(stage)) > 1:
            sentence = f"{shown(path)} would be written by every host; put {{{{stage.host}}}} into it"
            references.problem(output.at("local_path"), sentence)


def _kept_folder(output: Item, local_path: str) -> str:
    """A local_path without the slash that a folder's may end with."""
    path = output.get("remote_path", "")
    return local_path.rstrip("/") if path.endswith("/") or is_pattern(path) else local_path


def _check_remote_path(references: References, output: Item) -> None:
    place = output.at("remote_path")
    if "remote_path" not in output:
        return
    path = output["remote_path"]
    if flaw := _pattern_flaw(path) if is_pattern(path) else None:
        references.problem(place, f"{shown(path)} {flaw}")
    elif "local_path" not in output and not references.document.is_bad(output.at("local_path")):
        _check_own_name(references, place, output["remote_path"], _own_name(references, output))


def _pattern_flaw(pattern: str) -> str | None:
    if "**" in pattern:
        return "holds **, which is not known here; name the folder to take all of it, or write one * per level"
    if "[:" in pattern:
        return "holds a class of characters such as [:digit:], which is not known here; write [0-9]"
    if pattern.endswith("/"):
        return "is a pattern, and those are for files; add a /* to it, or remove the slash at its end"
    if ".." in pattern.split("/"):
        return "is a pattern that holds '..'; write the path without"
    return None if pattern.isprintable() else "is a pattern with a character that can't be printed; use a ? for it"


def _check_own_name(references: References, place: Place, path: str, name: str) -> None:
    """The name that it is kept under when none is given."""
    if name in ("", "..") or path.rstrip("/") in ("~", "."):
        references.problem(place, f"{shown(path)} has no name of its own; add a local_path to keep it as")
    else:
        _check_local_path(references, place, name)
        _check_not_ours(references, place, name, (*_OUR_FILES, *_OUR_FOLDERS))


def _check_local_path(references: References, place: Place, path: str) -> None:
    """A path that stays in the trial's directory, or an absolute one; sane names in both."""
    if len(path) > MAX_PATH:
        references.problem(place, f"the path is longer than {MAX_PATH} characters; shorten it")
        return
    if re.match(r"\{\{\s*run\.dir\b", path):
        references.problem(place, "remove {{run.dir}}: without it the path is in the trial's directory there")
        return
    plain = re.sub(r"\{\{.*?\}\}", "x", path)
    parts = plain.split("/")
    if ".." in parts:
        references.problem(
            place, f"{shown(path)} leads out of the run's directory; remove '..' or write an absolute path"
        )
    elif parts[-1] in ("", ".", "~"):
        references.problem(place, f"{shown(path)} is a directory; write the file's name as well")
    elif flaw := next((flaw for part in parts if (flaw := _name_flaw(part))), None):
        references.problem(place, f"{shown(path)} can't be a file name: {flaw}; {_CURES[str(place[-1])]}")


def _name_flaw(name: str) -> str | None:
    if not name.isprintable() or "\\" in name:
        return "it holds a character that is no part of a name"
    if name.startswith("-"):
        return "it begins with '-'"
    if name.startswith("~") and name != "~":
        return "it begins with '~'"
    if name and name != "." and name.endswith((".", " ")):
        return "it ends with a dot or a space"
    if _WINDOWS_NAMES.fullmatch(name):
        return "Windows keeps that name for itself"
    return "it is longer than 200 bytes" if len(name.encode()) > 200 else None


def _check_not_ours(references: References, place: Place, path: str, ours: Iterable[str]) -> None:
    if references.document.is_bad(place) or path.startswith(("/", "~")):
        return
    first = next((part for part in path.split("/") if part not in ("", ".")), "")
    if first.lower() in ours:
        kind = "folder" if first.lower() in _OUR_FOLDERS else "file"
        references.problem(
            place, f"{shown(first)} is a {kind} that benchctl itself writes into the run; {_CURES[str(place[-1])]}"
        )


def check_export_path(references: References, plot: Item) -> None:
    place, path = plot.at("export_path"), references.with_variables(plot["export_path"])
    _check_local_path(references, place, path)
    folders = [folder for folder in _OUR_FOLDERS if folder != "plots"]
    _check_not_ours(references, place, path, (*_OUR_FILES, *folders))
    suffix = PurePosixPath(path).suffix.lower().removeprefix(".")
    wanted = plot.get("format", suffix if suffix in ("png", "svg", "pdf") else "png")
    if suffix and suffix != wanted and "{{" not in path:
        references.problem(place, f"{shown(path)} ends in .{suffix}, but the plot's format is {wanted}; change one")


def check_files(references: References) -> None:
    """No two outputs or plots may land on the same file, nor one inside another."""
    files: dict[str, Item] = {}
    folders: dict[str, Item] = {}
    for item, key, path in _landings(references):
        if references.document.is_bad(item.at(key)):
            continue
        landing = PurePosixPath(path.lower())
        inside = next((files[str(folder)] for folder in landing.parents if str(folder) in files), None)
        other = files.get(str(landing)) or folders.get(str(landing)) or inside
        if other is not None:
            references.problem(item.at(key), _in_the_way(references, other, path, _CURES[key]))
        files.setdefault(str(landing), item)
        folders.update({str(folder): item for folder in landing.parents if folder.name})


_CURES = {
    "remote_path": "add a local_path",
    "local_path": "choose another local_path",
    "name": "add an export_path",
    "export_path": "choose another export_path",
}


def _in_the_way(references: References, other: Item, path: str, cure: str) -> str:
    line = references.document.line(other.place)
    return f"it would be kept as {shown(path)}, where {shown(other.get('name', '?'))} of line {line} is kept; {cure}"


def _landings(references: References) -> Iterator[tuple[Item, str, str]]:
    """Each output and plot with the key that says where it goes, and where that is."""
    for stage in references.draft.stages:
        folders = [f"{alias}/" for alias in references.hosts_of(stage)] if "hosts" in stage else [""]
        for output in stage.get("outputs", []):
            key, path = _landing(references, output)
            if key:
                yield from ((output, key, folder + path) for folder in folders)
    for plot in references.draft.plots:
        if "export_path" in plot:
            yield plot, "export_path", _kept_path(references.with_variables(plot["export_path"]), "plots/")
        elif "name" in plot:
            yield plot, "name", f"plots/{slug(plot['name'])}.{plot.get('format', 'png')}"


def _landing(references: References, output: Item) -> tuple[str, str]:
    """The key that says where an output is kept, and where that is; empty where both keys are missing."""
    if "local_path" in output:
        return "local_path", _kept_path(_kept_folder(output, references.with_variables(output["local_path"])))
    if "remote_path" in output:
        return "remote_path", _own_name(references, output)
    return "", ""


def _own_name(references: References, output: Item) -> str:
    """What it is kept as when it says nothing of that: its own name, for a pattern that of the output."""
    path = output["remote_path"]
    return slug(output.get("name", "")) if is_pattern(path) else PurePosixPath(references.with_variables(path)).name


def _kept_path(path: str, folder: str = "") -> str:
    return folder + PurePosixPath(path).name if path.startswith(("/", "~")) else path
