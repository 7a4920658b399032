"""Single numbers in what a benchmark said: by a regular expression in a log, or by a path in a JSON file."""

from __future__ import annotations

import json
import math
import re
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchctl import json_path
from benchctl.analysis.blocks import opened
from benchctl.analysis.collected import NotMeasured
from benchctl.errors import DataError
from benchctl.runs.files import open_file
from benchctl.runs.outputs import OutputRecord
from benchctl.runs.record import StageOnHost

LONGEST_LINE = 1 << 20
LARGEST_JSON = 64 << 20
_WHOLE = "(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)"
_NUMBER = re.compile(rf"[+-]?(?:{_WHOLE}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_OF_HOSTS: dict[str, Callable[[Sequence[float]], float]] = {
    "avg": statistics.fmean,
    "median": statistics.median,
    "min": min,
    "max": max,
    "sum": math.fsum,
}


def in_log(places: Mapping[str, StageOnHost], folder: Path, pattern: str, *, of_hosts: str | None) -> float:
    """The number of the last line that matches in each host's stdout, else in its stderr. Raises NotMeasured.

    places: a stage on its hosts. folder: the trial's. of_hosts: what makes one number of several hosts': avg, median,
    min, max or sum.
    """
    return _one({host: _in_log_of(place, folder, pattern, host) for host, place in places.items()}, of_hosts)


def in_json(outputs: Mapping[str, OutputRecord], folder: Path, path: json_path.Path, *, of_hosts: str | None) -> float:
    """The number at a path of each host's file. Raises NotMeasured."""
    return _one({host: _in_json_of(output, folder, path) for host, output in outputs.items()}, of_hosts)


def _one(numbers: Mapping[str, float], of_hosts: str | None) -> float:
    if len(numbers) == 1:
        return next(iter(numbers.values()))
    if of_hosts is None:
        raise NotMeasured(f"{len(numbers)} hosts have a number, and no aggregate says what makes one of them")
    return float(_OF_HOSTS[of_hosts](list(numbers.values())))


def number(text: str) -> float:
    """A number as programs print it: 12, -1.5, 1e6, and 1,234.5 with commas between thousands. Raises ValueError."""
    plain = text.strip()
    if not _NUMBER.fullmatch(plain):
        raise ValueError(f"{plain[:40]!r} is not a number")
    value = float(plain.replace(",", ""))
    if not math.isfinite(value):
        raise ValueError(f"{plain[:40]!r} is too large a number")
    return value


def _in_log_of(place: StageOnHost, folder: Path, pattern: str, host: str) -> float:
    compiled = re.compile(pattern)
    names = [str(place.logs[stream]) for stream in ("out", "err") if place.logs.get(stream)]
    found = next(filter(None, (_last_match(folder / name, compiled) for name in names)), None)
    if found is None:
        raise NotMeasured(f"no line matches in the log of {host} ({', '.join(names) or 'there is none'})")
    try:
        return number(found)
    except ValueError as error:
        raise NotMeasured(f"the last match in the log of {host}: {error}") from error


def _last_match(log: Path, pattern: re.Pattern[str]) -> str | None:
    """What the group held in the last match of the last line that has one."""
    last = None
    try:
        with open_file(log) as lines:
            while line := lines.readline(LONGEST_LINE):
                for match in pattern.finditer(line.decode("utf-8", "replace").rstrip("\r\n")):
                    last = match[1] if match[1] is not None else last
    except OSError as error:
        raise NotMeasured(f"the log {log.name} can't be read: {error.strerror or error}") from error
    return last


def _in_json_of(output: OutputRecord, folder: Path, path: json_path.Path) -> float:
    if output.path is None or output.file_count:
        raise NotMeasured(f"output {output.name!r} is a folder; a path is one of a single file")
    file = folder / output.path
    try:
        value = json_path.find(_document(file), path)
    except json_path.NoSuchValue as error:
        raise NotMeasured(f"{file.name}: {error}") from error
    try:
        return _plain_number(value)
    except ValueError as error:
        raise NotMeasured(f"{file.name}: {json_path.path_text(path)} is {error}") from error


def _document(file: Path) -> object:
    try:
        with opened(file) as stream:
            data = stream.read(LARGEST_JSON + 1)
    except DataError as error:
        raise NotMeasured(error.message) from error
    if len(data) > LARGEST_JSON:
        raise NotMeasured(f"{file.name}: it is larger than {LARGEST_JSON >> 20} MiB")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotMeasured(f"{file.name}: it is not JSON: {error}") from error


def _plain_number(value: object) -> float:
    """A JSON number, or a text that is one. Raises ValueError with what it is instead."""
    if isinstance(value, str):
        try:
            return number(value)
        except ValueError as error:
            raise ValueError(f"{json_path.kind_of(value)}, not a number") from error
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{json_path.kind_of(value)}, not a number")
    try:
        found = float(value)
    except OverflowError as error:
        raise ValueError("too large a number") from error
    if not math.isfinite(found):
        raise ValueError(f"{found}, not a finite number")
    return found
