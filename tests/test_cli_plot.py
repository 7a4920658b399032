"""`benchctl plot` and `benchctl.plot`: which pictures are made, where they go, and what is said of others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plots_bed import SCHEMA, about, rows, run
from test_cli_console import benchctl_in
from workflow_bed import Bench

import benchctl
from benchctl.errors import ConfigError, UsageError
from benchctl.plot_options import called

BOXES: dict[str, object] = {"name": "boxes", "type": "boxplot", "y": ["latency", "size"]}
LAT = {"name": "lat", "type": "ecdf", "y": "latency", "export_path": "plots/l.png"}


def test_plot_draws_later_from_the_kept_files_and_by_another_config(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(50), [BOXES], draws=False)
    local.path("source.csv").unlink()
    ended = benchctl_in(tmp_path, "plot")
    assert (ended.code, ended.out, ended.err) == (0, "results/run-001/plots/boxes.png\n", "")
    config = json.loads((tmp_path / "config.yaml").read_text())
    config["plots"] = [{"name": "new", "source": "lat", "type": "histogram", "y": "latency"}]
    (tmp_path / "other.yaml").write_text(json.dumps(config))
    ended = benchctl_in(tmp_path, "plot", "1", "--config", "other.yaml", "-o", "pictures", "--json")
    (one,) = ended.json()["plots"]
    assert (ended.json()["schema"], one["name"], one["path"]) == ("benchctl/plots@1", "new", "pictures/new.png")
    assert (tmp_path / "pictures/new.png").exists()
    assert record.id == "run-001"


def test_plot_of_a_damaged_file_says_why_and_ends_with_3(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(50), [BOXES], draws=False)
    (record.path / "source.csv").unlink()
    ended = benchctl_in(tmp_path, "plot")
    said = "plot 'boxes' was not drawn: source.csv: No such file or directory\n"
    assert (ended.code, ended.out, ended.err) == (3, "", said)


def test_plot_knows_its_names(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(5), [BOXES], draws=False)
    with pytest.raises(UsageError, match=r"no plot is called 'box'. Plots: boxes. Did you mean 'boxes'\?"):
        benchctl.plot(record, "box")
    (tmp_path / "other.yaml").write_text("plots: {name: a, source: x, type: histogram, y: z}\n")
    with pytest.raises(ConfigError, match=r"other.yaml:1: plots\[0\].source: no output is called 'x'"):
        benchctl.plot(record, config=tmp_path / "other.yaml")


def test_plot_draws_by_flags_what_the_config_has_not(local: Bench, tmp_path: Path) -> None:
    run(local, rows(50), [], draws=False)
    flags = "--output lat --type ecdf --y latency --group-by op --style paper --palette deep --title T --format svg"
    ended = benchctl_in(tmp_path, "plot", *flags.split())
    assert (ended.code, ended.out, ended.err) == (0, "results/run-001/plots/lat-ecdf-latency.svg\n", "")
    told = json.loads((tmp_path / "results/run-001/plots/lat-ecdf-latency.svg.json").read_text())
    assert told["plot"] == {
        "name": "lat-ecdf-latency",
        "source": "lat",
        "type": "ecdf",
        "title": "T",
        "y": ["latency"],
        "group_by": ["op"],
        "time_axis": "elapsed",
        "scale": "auto",
        "style": "paper",
        "palette": "deep",
        "format": "svg",
    }


def test_a_plot_by_keys_takes_the_only_output_and_its_timestamp(local: Bench) -> None:
    record = run(local, rows(50), [], draws=False)
    (one,) = benchctl.plot(record, type="time_series", y="latency", aggregation="p99", window="100ms")
    assert (one.name, one.status) == ("lat-time_series-latency", "drawn")
    told = about(record, "lat-time_series-latency.png")
    assert (told["plot"]["x"], told["settings"]["window_s"]) == (["time"], 0.1)


def test_plots_of_the_config_are_drawn_with_other_looks(local: Bench, tmp_path: Path) -> None:
    record = run(local, rows(50), [BOXES, LAT], draws=False)
    drawn = benchctl.plot(record, "lat", format="pdf", style="paper", group_by=["op"])
    assert [one.path for one in drawn] == [str(record.path / "plots/l.pdf")]
    told = about(record, "l.pdf")["plot"]
    assert (told["style"], told["group_by"], told["y"]) == ("paper", ["op"], ["latency"])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"source": "lta", "type": "ecdf"}, "--output: no output is called 'lta'. Outputs: lat. Did you mean 'lat'?"),
        ({"type": "ecfd", "y": "latency"},
         "--type: must be time_series, histogram, boxplot, ecdf or percentiles, not 'ecfd'. Did you mean 'ecdf'?"),
        ({"y": "latency"}, "a plot needs --type"),
        ({"type": "ecdf", "y": ["latncy"]},
         "--y: output 'lat' has no column 'latncy'. Columns: time, latency, size, op. Did you mean 'latency'?"),
        ({"type": "ecdf", "y": "latency", "group_by": "o"},
         "--group-by: output 'lat' has no column 'o'. Groups: op, host, case, run"),
        ({"type": "histogram"},
         "a histogram needs at least one y; columns of type integer or float: latency, size"),
        ({"style": "paprer"}, "--style: must be screen, paper or slides, not 'paprer'. Did you mean 'paper'?"),
        ({"width": 3.5}, "--width: '3.5' has no unit; write 3.5in, 3.5cm or 3.5mm"),
        ({"window": "5s"}, "--window: 'window' means nothing without a timestamp on x of a time_series or boxplot"),
        ({"to": "x.jpg"}, "x.jpg: pictures are png, svg or pdf, not jpg"),
        ({"to": "x.png"}, "x.png is one file, but the plots are 2: boxes, lat; name a directory, or one plot"),
        ({"to": "x.png", "names": "lat", "format": "svg"},
         "x.png ends in .png, but the format is to be svg; change one"),
        ({"names": "la"}, "no plot is called 'la'. Plots: boxes, lat. Did you mean 'lat'?"),
    ],
)  # fmt: skip
def test_what_can_not_be_drawn_as_asked_is_said_in_the_words_of_the_command(
    local: Bench, keys: dict[str, object], message: str
) -> None:
    record = run(local, rows(9), [BOXES, LAT], draws=False)
    with pytest.raises(UsageError) as caught:
        benchctl.plot(record, called=called, **keys)  # type: ignore[arg-type]
    assert (caught.value.message, caught.value.exit_code) == (message, 2)


def test_one_picture_goes_into_a_file_whose_name_says_the_format(local: Bench, tmp_path: Path) -> None:
    first, second = (run(local, rows(n), [LAT], draws=False) for n in (50, 60))
    (one,) = benchctl.plot([first, second], to=tmp_path / "deep" / "both.pdf")
    assert one.path == str(tmp_path / "deep/both.pdf")
    assert (tmp_path / "deep/both.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "deep/both.pdf.json").exists()


def test_plot_says_what_is_wrong_with_a_flag_and_ends_with_2(local: Bench, tmp_path: Path) -> None:
    run(local, rows(9), [LAT], draws=False)
    ended = benchctl_in(tmp_path, "plot", "--palette", "rainbow", "--json")
    assert (ended.code, ended.json()["error"]["code"]) == (2, "usage-error")
    assert ended.json()["error"]["message"].startswith("--palette: must be colorblind, deep, muted,")
    ended = benchctl_in(tmp_path, "plot", "--styel", "paper")
    assert (ended.code, ended.out) == (2, "")


def test_no_plots_means_none(local: Bench) -> None:
    local.path("source.csv").write_text(rows(9))
    output = {"name": "lat", "remote_path": str(local.path("source.csv")), "data_schema": SCHEMA}
    config = local.write(local.stage("load", "true", outputs=[output]))
    config.write_text(json.dumps(json.loads(config.read_text()) | {"plots": []}))
    record = benchctl.run(benchctl.load(config), results=local.results)
    assert record.plots == ()
    with pytest.raises(UsageError, match=r"the config says `plots: \[\]`; name another file"):
        benchctl.plot(record)
