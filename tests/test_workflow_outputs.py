"""Outputs of a run: where they land, what is said of odd ones, and what may never happen."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from workflow_bed import Bench, error_of, on_host, statuses

from benchctl.runs.record import OutputRecord, RunRecord


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
        ("mkdir {}", "is a folder"),
        ("mkfifo {}", "is a device, pipe or socket, not a file"),
        ("ln -s {}.none {}", "there is no"),
    ],
)
def test_what_is_no_file_is_said_and_never_read(bench: Bench, make: str, reason: str) -> None:
    path = bench.path("x")
    outputs = [{"name": "x", "remote_path": str(path), "local_path": "x.csv"}]
    record = bench.run(bench.stage("one", make.replace("{}", str(path)), outputs=outputs))
    if record.error is None and "folder" in reason:
        assert (record.path / "x.csv").is_dir()  # folders may be outputs too
        return
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
