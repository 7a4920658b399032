"""Outputs of a run: where they land, what is said of odd ones, and what may never happen."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sshd as bed
from workflow_bed import Bench, error_of, on_host, remote_bench, statuses

import benchctl
from benchctl.config.model import HostConfig, Output, Stage
from benchctl.events import Event
from benchctl.hosts.context import fabric_config
from benchctl.hosts.making import make_host
from benchctl.reports.run_page import run_text
from benchctl.runs.outputs import OutputRecord
from benchctl.runs.record import RunRecord
from benchctl.workflow.outputs import Collector, Wanted

MakeSshd = Callable[..., bed.Sshd]


def output_of(record: RunRecord, name: str) -> OutputRecord:
    return next(output for output in record.trials[0].outputs if output.name == name)


def failure_of(record: RunRecord) -> str:
    assert record.error is not None
    return record.error.message


def test_outputs_land_where_the_config_says(bench: Bench) -> None:
    absolute = bench.path("elsewhere/copy.csv")
    at_home = f"~/home-{bench.directory.name}"
    make = f"mkdir -p d; for f in plain deep named out; do echo $f > d/$f.csv; done; echo $HOME > {at_home}"
    record = bench.run(
        bench.stage(
            "make",
            make,
            cwd=str(bench.directory),
            outputs=[
                {"name": "plain", "remote_path": "d/plain.csv"},
                {"name": "deep", "remote_path": str(bench.path("d/deep.csv")), "local_path": "a/b/c.csv"},
                {
                    "name": "named",
                    "remote_path": "{{vars.folder}}/named.csv",
                    "local_path": "{{run.id}}-{{stage.host}}.csv",
                },
                {"name": "out", "remote_path": "d/out.csv", "local_path": str(absolute)},
                {"name": "home", "remote_path": at_home, "local_path": "home"},
            ],
        ),
        config={"vars": {"folder": "d"}},
    )
    assert record.error is None
    kept = {output.name: output.path for output in record.trials[0].outputs}
    assert kept == {
        "plain": "plain.csv",
        "deep": "a/b/c.csv",
        "named": f"run-001-{bench.alias}.csv",
        "out": "copy.csv",
        "home": "home",
    }
    for name in ("plain", "deep", "named", "out"):
        output = output_of(record, name)
        content = (record.path / str(output.path)).read_bytes()
        assert content == f"{name}\n".encode()
        assert (output.status, output.bytes, output.sha256) == (
            "collected",
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
        assert output.remote_path == str(bench.path(f"d/{name}.csv"))
    assert absolute.read_text() == "out\n"


def test_an_absolute_local_path_never_replaces_a_pipe_or_a_folder(bench: Bench) -> None:
    pipe = bench.path("pipe")
    os.mkfifo(pipe)
    out = {"name": "x", "remote_path": str(bench.path("x")), "local_path": str(pipe)}
    record = bench.run(bench.stage("one", f"echo 1 > {bench.path('x')}", outputs=[out]))
    assert record.error is not None
    assert f"{pipe} is a folder, a device or a pipe; a copy of the output does not replace it" in record.error.message
    assert pipe.is_fifo()


def test_collect_now_brings_an_output_home_before_the_next_stage(bench: Bench) -> None:
    out = bench.path("x")
    record = bench.run(
        bench.stage("one", f"echo 1 > {out}", outputs=[{"name": "x", "remote_path": str(out), "collect": "now"}]),
        bench.stage("two", f"echo 2 > {out}"),
    )
    assert (record.path / "x").read_text() == "1\n"
    kinds = [event.kind for event in bench.events if event.kind in ("output_collected", "stage_finished")]
    assert kinds == ["stage_finished", "output_collected", "stage_finished"]


def test_an_output_that_has_to_come_now_and_is_missing_ends_the_run_now(bench: Bench) -> None:
    outputs = [{"name": "x", "remote_path": "/no/such/file", "collect": "now"}]
    record = bench.run(bench.stage("one", "true", outputs=outputs), bench.stage("two", "true"))
    assert statuses(record) == {"one": "succeeded", "two": "not_started"}
    assert (error_of(record).code, error_of(record).stage, error_of(record).host) == (
        "output-error",
        "one",
        bench.alias,
    )
    assert len(record.trials[0].outputs) == 1


def test_what_a_failed_stage_had_to_collect_now_is_collected_at_the_end(bench: Bench) -> None:
    out = bench.path("x")
    record = bench.run(
        bench.stage("one", f"echo 1 > {out}; false", outputs=[{"name": "x", "remote_path": str(out), "collect": "now"}])
    )
    assert record.status == "failed"
    assert (record.path / "x").read_text() == "1\n"


def test_a_missing_output_fails_the_run(bench: Bench) -> None:
    record = bench.run(bench.stage("one", "true", outputs=[{"name": "x", "remote_path": "/no/such/file"}]))
    assert (record.status, record.exit_code) == ("failed", 1)
    assert failure_of(record) == f"output 'x' of stage 'one': there is no /no/such/file on {bench.place}"
    output = output_of(record, "x")
    assert (output.status, output.path, output.reason) == (
        "missing",
        None,
        f"there is no /no/such/file on {bench.place}",
    )


def test_a_missing_optional_output_leaves_the_run_incomplete(bench: Bench) -> None:
    outputs = [{"name": "x", "remote_path": "/no/such/file", "optional": True}]
    record = bench.run(bench.stage("one", "true", outputs=outputs))
    assert (record.status, record.exit_code, record.error) == ("incomplete", 3, None)
    assert record.trials[0].flags == (f"optional output 'x': there is no /no/such/file on {bench.place}",)


def test_what_exists_is_collected_after_a_failure(bench: Bench) -> None:
    record = bench.run(
        bench.stage(
            "one",
            f"echo half > {bench.path('half')}; exit 9",
            outputs=[
                {"name": "half", "remote_path": str(bench.path("half"))},
                {"name": "rest", "remote_path": str(bench.path("rest"))},
            ],
        ),
        bench.stage("never", "true", outputs=[{"name": "none", "remote_path": str(bench.path("none"))}]),
    )
    assert record.error is not None
    assert (record.error.stage, record.error.exit_code) == ("one", 9)
    assert {output.name: output.status for output in record.trials[0].outputs} == {
        "half": "collected",
        "rest": "missing",
    }


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        ("mkdir {}", "is a folder without a file in it"),
        ("mkfifo {}", "is a device, pipe or socket, not a file"),
        ("ln -s {}.none {}", "there is no"),
    ],
)
def test_what_is_no_file_is_said_and_never_read(bench: Bench, make: str, reason: str) -> None:
    path = bench.path("x")
    outputs = [{"name": "x", "remote_path": str(path), "local_path": "x.csv"}]
    record = bench.run(bench.stage("one", make.replace("{}", str(path)), outputs=outputs))
    assert reason in failure_of(record)
    assert not (record.path / "x.csv").exists()


def test_an_empty_output_is_said(bench: Bench) -> None:
    record = bench.run(
        bench.stage("one", f": > {bench.path('x')}", outputs=[{"name": "x", "remote_path": str(bench.path("x"))}])
    )
    assert record.status == "succeeded"
    assert bench.warnings() == [f"output 'x' of {bench.place} is empty: x has 0 bytes"]


def test_an_output_older_than_its_stage_is_said(bench: Bench) -> None:
    path = bench.path("x")
    path.write_text("old\n")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    record = bench.run(bench.stage("one", "true", outputs=[{"name": "x", "remote_path": str(path)}]))
    assert record.status == "succeeded"
    (warning,) = bench.warnings()
    assert warning.startswith(f"output 'x' of {bench.place} is older than its stage: last written ")
    assert warning.endswith(" s before 'one' began")


def test_folders_and_patterns_land_where_the_config_says(bench: Bench) -> None:
    absolute = bench.path("elsewhere/copy")
    make = "mkdir -p d/sub; echo 1 > d/a.csv; echo 22 > d/b.csv; echo 333 > d/sub/c.txt"
    record = bench.run(
        bench.stage(
            "make",
            make,
            cwd=str(bench.directory),
            outputs=[
                {"name": "whole", "remote_path": "d/"},
                {"name": "named", "remote_path": "d", "local_path": "x/{{stage.host}}"},
                {"name": "All CSV", "remote_path": "d/*.csv"},
                {"name": "some", "remote_path": "{{vars.folder}}/[ab].csv", "local_path": "{{run.id}}/"},
                {"name": "out", "remote_path": "d", "local_path": f"{absolute}"},
            ],
        ),
        config={"vars": {"folder": "d"}},
    )
    assert record.error is None
    everything = {"a.csv": "1\n", "b.csv": "22\n", "sub/c.txt": "333\n"}
    csv = {name: everything[name] for name in ("a.csv", "b.csv")}
    expected = {
        "whole": ("d", everything),
        "named": (f"x/{bench.alias}", everything),
        "All CSV": ("All-CSV", csv),
        "some": ("run-001", csv),
        "out": ("copy", everything),
    }
    for name, (path, files) in expected.items():
        output = output_of(record, name)
        assert (output.status, output.path, output.bytes) == ("collected", path, sum(map(len, files.values())))
        assert texts_in(record.path / path) == files
        assert [file.path for file in output.files] == sorted(files)
        digests = {file.path: file.sha256 for file in output.files}
        assert digests == {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
        lines = sorted(f"{digest}  {name}\n" for name, digest in digests.items())
        assert output.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert texts_in(absolute) == everything
    (told,) = [event for event in bench.told("output_collected") if event["output"] == "whole"]
    assert (told["files"], told["path"], told["bytes"], told["retries"]) == (3, "d", 9, 0)
    assert "whole    " in run_text(record)
    assert "3 files, 9 B" in run_text(record)
    assert bench.warnings() == []


def texts_in(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_is_odd_about_files_of_a_folder_is_said(bench: Bench) -> None:
    folder = bench.path("d")
    folder.mkdir()
    (folder / "old").write_text("old\n")
    os.utime(folder / "old", (1_700_000_000, 1_700_000_000))
    make = f"cd {folder}; : > empty; echo new > new; ln -s new link; mkfifo pipe"
    record = bench.run(bench.stage("one", make, outputs=[{"name": "x", "remote_path": str(folder)}]))
    assert record.status == "succeeded"
    name = f"output 'x' of {bench.place}"
    assert bench.warnings() == [
        f"{name}: 1 of 3 files is empty: empty",
        f"{name}: 1 of 3 files is older than its stage: old",
        f"{name}: not taken: link (a symbolic link), pipe (a device, pipe or socket)",
    ]


def test_a_folder_older_than_its_stage_is_said(bench: Bench) -> None:
    folder = bench.path("d")
    folder.mkdir()
    (folder / "old").write_text("old\n")
    os.utime(folder / "old", (1_700_000_000, 1_700_000_000))
    bench.run(bench.stage("one", "true", outputs=[{"name": "x", "remote_path": str(folder)}]))
    (warning,) = bench.warnings()
    assert warning.startswith(f"output 'x' of {bench.place} is older than its stage: last written ")


def collected_twice(tmp_path: Path, change: str) -> tuple[list[str], OutputRecord]:
    """The warnings and the record of the second collection of a folder, some of it changed in between."""
    host = make_host(HostConfig("local"), fabric_config(), tmp_path, None)
    host.connect()
    folder = tmp_path / "d"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_text(name)
    told: list[str] = []
    output, stage = Output("x", str(folder)), Stage("one", "one")
    seen: dict[tuple[str, str], tuple[str, float]] = {}
    for trial in ("t1", "t2"):
        (tmp_path / trial).mkdir()
        told.clear()
        collector = Collector(tmp_path / trial, lambda kind, **data: told.append(data.get("text", "")), seen=dict(seen))
        record = collector.collect(Wanted(output, stage, host, {}, 0.0))
        seen |= collector.found
        if change:
            (folder / change).write_text("changed")
    host.close()
    return [text for text in told if text], record


def test_a_folder_that_an_earlier_trial_left_is_an_error(tmp_path: Path) -> None:
    _, record = collected_twice(tmp_path, "")
    assert record.status == "failed"
    assert record.reason == f"{tmp_path}/d on local is what an earlier trial already left"
    assert list((tmp_path / "t2").iterdir()) == []


def test_files_of_a_folder_that_an_earlier_trial_left_are_named(tmp_path: Path) -> None:
    told, record = collected_twice(tmp_path, "a")
    assert record.status == "collected"
    assert told == ["output 'x' of local: 1 of 2 files is what an earlier trial already left: b"]


def test_a_pattern_that_matches_nothing_is_missing(bench: Bench) -> None:
    outputs = [{"name": "x", "remote_path": str(bench.path("none-*.csv")), "optional": True}]
    record = bench.run(bench.stage("one", "true", outputs=outputs))
    output = output_of(record, "x")
    assert (output.status, output.reason) == ("missing", f"no file on {bench.place} matches {bench.path('none-*.csv')}")
    assert record.status == "incomplete"


def test_a_wildcard_in_a_value_is_no_pattern_and_that_is_said(bench: Bench) -> None:
    bench.path("a[1]").mkdir()
    for name in ("a[1]/x.csv", "a.csv", "*.csv"):
        bench.path(name).write_text(name)
    outputs = [
        {"name": "literal", "remote_path": str(bench.path("{{vars.all}}"))},
        {"name": "inside", "remote_path": str(bench.path("{{vars.folder}}/*.csv"))},
        {"name": "relative", "remote_path": "*.csv"},
        {"name": "none", "remote_path": str(bench.path("{{vars.none}}"))},
    ]
    stage = bench.stage("one", "true", cwd=str(bench.path("{{vars.folder}}")), outputs=outputs)
    record = bench.run(stage, config={"vars": {"all": "*.csv", "folder": "a[1]", "none": "b*"}})
    assert (record.path / "*.csv").read_text() == "*.csv"
    assert texts_in(record.path / "inside") == texts_in(record.path / "relative") == {"x.csv": "a[1]/x.csv"}
    assert error_of(record).hint == (
        "*, ? and [ in a value that is filled in are no pattern; write them in remote_path itself"
    )


def test_a_slash_after_a_file_is_an_error(bench: Bench) -> None:
    bench.path("x").write_text("x")
    record = bench.run(bench.stage("one", "true", outputs=[{"name": "x", "remote_path": f"{bench.path('x')}/"}]))
    assert failure_of(record).endswith(
        f"{bench.path('x')} on {bench.place} is a file; write it without the slash at its end"
    )
    assert not (record.path / "x").exists()


def test_a_copy_of_a_folder_replaces_nothing_outside_the_run(bench: Bench) -> None:
    outside = bench.path("outside")
    outside.mkdir()
    (outside / "mine").write_text("mine")
    out = {"name": "x", "remote_path": str(bench.path("d")), "local_path": str(outside)}
    record = bench.run(bench.stage("one", f"mkdir {bench.path('d')}; echo 1 > {bench.path('d/a')}", outputs=[out]))
    assert failure_of(record).endswith(
        f"{outside} is there already; a copy of the output replaces no folder and no file"
    )
    assert texts_in(outside) == {"mine": "mine"}


def test_a_folder_is_not_kept_through_or_over_what_a_stage_planted(local: Bench) -> None:
    outside = local.path("outside")
    outside.mkdir()
    plant = f"mkdir d; echo 1 > d/a; ln -s {outside} {{{{run.dir}}}}/kept"
    outputs = [{"name": "x", "remote_path": "d", "local_path": "kept"}]
    record = local.run(local.stage("plant", plant, outputs=outputs))
    assert f"{record.path}/kept can't be written: Not a directory" in failure_of(record)
    assert list(outside.iterdir()) == []
    assert [path.name for path in record.path.iterdir() if ".part" in path.name] == []


def test_a_transfer_that_was_cut_is_said_and_recorded(tmp_path: Path, make_sshd: MakeSshd, keys: bed.Keys) -> None:
    server = make_sshd()
    bench = remote_bench(tmp_path, server, keys)
    bench.path("big").write_bytes(os.urandom(100_000_000))
    benchmark = benchctl.load(
        bench.write(bench.stage("one", "true", outputs=[{"name": "x", "remote_path": str(bench.path("big"))}]))
    )
    cut: list[bool] = []

    def listen(event: Event) -> None:
        bench.events.append(event)
        if event.kind == "transfer_progress" and not cut:
            cut.append(True)
            server.drop_connections()

    record = benchctl.run(benchmark, results=bench.results, listeners=[listen])
    assert record.error is None
    output = output_of(record, "x")
    assert (output.status, output.retries) == ("collected", 1)
    assert (record.path / "big").read_bytes() == bench.path("big").read_bytes()
    text = f"output 'x': {bench.place}: the connection was lost during a transfer; it goes on where it was "
    assert text + "(attempt 2 of 4)" in record.flags


def test_two_outputs_that_only_a_run_shows_to_meet_are_refused(bench: Bench) -> None:
    outputs = [
        {"name": "a", "remote_path": str(bench.path("a")), "local_path": "run-001.csv"},
        {"name": "b", "remote_path": str(bench.path("b")), "local_path": "{{run.id}}.csv"},
    ]
    record = bench.run(bench.stage("one", "echo a > a; echo b > b", cwd=str(bench.directory), outputs=outputs))
    assert failure_of(record).endswith("output 'b' would land on run-001.csv, as 'a' did")
    assert (record.path / "run-001.csv").read_text() == "a\n"


@pytest.mark.parametrize("local_path", ["{{case}}", "{{case}}..{{case}}/evil", "a/..{{case}}/..{{case}}/evil"])
def test_a_name_never_leads_out_of_the_run(bench: Bench, local_path: str) -> None:
    bench.path("f").write_text("f")
    outputs = [{"name": "f", "remote_path": str(bench.path("f")), "local_path": local_path}]
    record = bench.run(bench.stage("one", "true", outputs=outputs))
    assert "leads out of the run's directory" in failure_of(record)
    assert [path.name for path in bench.directory.rglob("*evil*")] == []


@pytest.mark.parametrize("name", ["metadata.json", "trial.json", "events.ndjson", "config.yaml", "logs/x", "scripts/x"])
def test_a_name_never_replaces_the_record(bench: Bench, name: str) -> None:
    bench.path("f").write_text("f")
    outputs = [{"name": "f", "remote_path": str(bench.path("f")), "local_path": f"{{{{case}}}}{name}"}]
    record = bench.run(bench.stage("one", "true", outputs=outputs))
    assert failure_of(record).endswith(f"{name} is a name that the run keeps its own record under")


def test_nothing_is_written_through_links_that_a_stage_planted_in_the_run(local: Bench) -> None:
    outside = local.path("outside")
    outside.mkdir()
    local.path("f").write_text("f")
    links = {"data": outside, "f.csv": outside / "made", "logs/later.local.out": outside / "log"}
    plant = "cd {{run.dir}}; " + "; ".join(f"ln -s {target} {link}" for link, target in links.items())
    outputs = [
        {"name": "through", "remote_path": str(local.path("f")), "local_path": "data/sub/f.csv", "optional": True},
        {"name": "over", "remote_path": str(local.path("f")), "local_path": "f.csv"},
    ]
    record = local.run(local.stage("plant", plant, outputs=outputs), local.stage("later", "echo secret"))
    assert list(outside.iterdir()) == []
    assert (record.path / "f.csv").read_text() == "f"
    assert not (record.path / "f.csv").is_symlink()
    assert failure_of(record) == (
        f"stage 'later' could not begin: its log {local.results}/run-001/logs/later.local.out can't be made: "
        "Too many levels of symbolic links"
    )
    reason = output_of(record, "through").reason
    assert reason == "output 'through': data/sub/f.csv leads out of the run's directory through a symbolic link there"


def test_no_script_is_kept_through_a_planted_link(local: Bench) -> None:
    outside = local.path("outside")
    outside.mkdir()
    local.path("go.sh").write_text("#!/bin/sh\necho hi\n")
    plant = local.stage("plant", f"ln -s {outside} {{{{run.dir}}}}/scripts")
    record = local.run(plant, local.stage("go", script="go.sh"))
    assert list(outside.iterdir()) == []
    assert "is a symbolic link by now" in failure_of(record)


def test_a_file_in_the_way_of_a_folder_is_said(bench: Bench) -> None:
    outputs = [
        {"name": "a", "remote_path": str(bench.path("f")), "local_path": "x"},
        {"name": "b", "remote_path": str(bench.path("f")), "local_path": "{{case}}x/y"},
    ]
    record = bench.run(bench.stage("one", "echo f > f", cwd=str(bench.directory), outputs=outputs))
    assert f"output 'b' can't be kept as {record.path}/x/y" in failure_of(record)
    assert output_of(record, "a").status == "collected"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """20 MiB of disk; needs root."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk takes root and the right to mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_an_output_larger_than_the_disk_fails_with_its_size_and_leaves_no_part(bench: Bench, small_disk: Path) -> None:
    make = f"head -c 30000000 /dev/zero > {bench.path('big')}; echo small > {bench.path('small-one')}"
    outputs = [
        {"name": "big", "remote_path": str(bench.path("big"))},
        {"name": "small", "remote_path": str(bench.path("small-one"))},
    ]
    link = bench.path("results")
    link.symlink_to(small_disk)
    record = bench.run(bench.stage("one", make, outputs=outputs))
    assert f"{bench.path('big')} has 30,000,000 bytes, and " in failure_of(record)
    assert "free some room" in str(record.error and record.error.hint)
    assert output_of(record, "small").status == "collected"
    assert [path.name for path in record.path.iterdir() if ".part" in path.name] == []
    assert on_host(record, "one").status == "succeeded"


def test_a_log_that_fills_the_disk_does_not_stop_the_run(bench: Bench, small_disk: Path) -> None:
    bench.path("results").symlink_to(small_disk)
    record = bench.run(bench.stage("flood", f"head -c 40000000 /dev/zero; rm -f {small_disk}/none; echo x >&2; exit 4"))
    assert record.error is not None
    assert record.status == "failed"
    assert (record.path / on_host(record, "flood").logs["out"]).stat().st_size == on_host(record, "flood").logs[
        "out_bytes"
    ]
