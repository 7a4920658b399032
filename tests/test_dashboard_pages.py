"""The dashboard's pages, API and safety, asked as a client would."""

from __future__ import annotations

import csv
import gzip
import json
import os
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import sshd as bed
from dashboard_bed import keep, serving
from flask.testing import FlaskClient
from plots_bed import SCHEMA, rows, run
from workflow_bed import DEADLINE_S, Bench

from benchctl.dashboard.app import create_app
from benchctl.dashboard.catalogue import Catalogue, index_of
from benchctl.dashboard.guard import without_token
from benchctl.dashboard.inside import NotThere, is_inside, open_inside
from benchctl.dashboard.serving import serve
from benchctl.dashboard.settings import Settings, host_of, is_loopback
from benchctl.dashboard.timeline import timeline
from benchctl.errors import UsageError
from benchctl.runs import baselines
from benchctl.runs.loading import load
from benchctl.runs.record import RunRecord
from benchctl.runs.store import RunDirectory, Store

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


def test_every_page_of_kept_runs_is_there_with_its_json(local: Bench, client: FlaskClient) -> None:
    for note in ("first", "second"):
        keep(local, note=note, tags=["nightly"])
    page = client.get("/").text
    assert [text in page for text in ("run-001", "run-002", "nightly", "2 of 2 runs", "p95")] == [True] * 5
    assert [run["id"] for run in client.get("/api/runs").json["runs"]] == ["run-002", "run-001"]  # type: ignore[index]
    assert client.get("/api/runs/run-001").json["note"] == "first"  # type: ignore[index]
    assert "source.csv" in client.get("/runs/run-001").text
    assert "odd &lt;b&gt;" in client.get("/runs/run-001/logs").text
    assert "Of 400" not in client.get("/runs/run-001/preview/source.csv").text
    with client.get("/runs/run-001/files/source.csv") as answer:
        assert answer.data == (local.results / "run-001/source.csv").read_bytes()
        assert answer.headers["Content-Disposition"] == "attachment; filename=source.csv"
    both = "run=run-001&run=run-002"
    assert client.get(f"/api/compare?{both}").json["differing"] == {"note": ["first", "second"]}  # type: ignore[index]
    assert client.get(f"/api/metadata?{both}").json["differing"] == {"note": ["first", "second"]}  # type: ignore[index]
    assert "run-002 against run-001: separate trials, 95 % intervals" in client.get(f"/compare?{both}").text
    assert client.get(f"/compare?{both}").status_code == client.get(f"/metadata?{both}").status_code == 200


def test_list_is_sifted_and_sorted_by_the_server(local: Bench, client: FlaskClient) -> None:
    keep(local, name="alpha", tags=["a"])
    keep(local, name="beta", tags=["b"], note="after the change")

    def ids(query: str) -> list[str]:
        return [run["id"] for run in client.get(f"/api/runs?{query}").json["runs"]]  # type: ignore[index]

    assert ids("q=ALPHA") == ["run-001"]
    assert ids("q=the+change") == ["run-002"]
    assert ids("tag=b") == ids("sort=name&order=desc&per_page=1") == ["run-002"]
    assert ids("status=failed") == ids("until=2020-01-01") == ids("host=elsewhere") == []
    assert ids("sort=name&order=asc") == ["run-001", "run-002"]
    assert client.get("/api/runs?since=yesterday").json["error"]["message"] == (  # type: ignore[index]
        "since: a day such as 2026-11-25, not 'yesterday'"
    )


def test_plot_is_drawn_in_all_formats_and_zoomed_by_the_server(local: Bench, client: FlaskClient) -> None:
    keep(local)
    kept = sorted(path.name for path in (local.results / "run-001").iterdir())
    query = "run=run-001&source=lat&type=histogram&y=latency"
    assert client.get(f"/plot.svg?{query}").data.startswith(b"<?xml")
    assert client.get(f"/plot.png?{query}").data.startswith(b"\x89PNG")
    assert client.get(f"/plot.pdf?{query}").data.startswith(b"%PDF")
    assert client.get(f"/plot.csv?{query}").text.startswith("series,x,y,x is,y is,rows\n")
    whole, part = (client.get(f"/api/plot?{query}{more}").json for more in ("", "&range=0.5,1.5"))
    assert whole["panels"][0]["x"]["limits"][1] > 1.6 > part["panels"][0]["x"]["limits"][1]  # type: ignore[index]
    assert client.get("/api/plot?run=run-001&source=lat&type=histogram&y=nope").json["error"]["message"] == (  # type: ignore[index]
        "y: output 'lat' has no column 'nope'. Columns: time, latency, size, op"
    )
    assert sorted(path.name for path in (local.results / "run-001").iterdir()) == kept


def test_part_of_a_time_is_drawn_of_the_rows_of_then(local: Bench, client: FlaskClient) -> None:
    keep(local)  # a row every 7 ms, from 0 to 2.793 s
    query = "/api/plot?run=run-001&source=lat&type=time_series&y=latency"
    rows = [client.get(query + more).json["rows"] for more in ("", "&range=1,2", "&range=2,9")]  # type: ignore[index]
    assert rows == [400, 143, 114]
    assert client.get(f"{query}&range=7,9").json["error"]["message"] == "there are no rows from 7 to 9"  # type: ignore[index]
    for kind in ("ecdf", "percentiles"):
        seen = client.get(f"/api/plot?run=run-001&source=lat&type={kind}&y=latency&range=1.5,3").json
        assert seen["panels"][0]["x"]["limits"] == [1.5, 3.0]  # type: ignore[index]


def test_file_is_opened_without_following_any_link(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/file").write_text("ours")
    (tmp_path / "in/link").symlink_to(tmp_path / "in/file")
    os.mkfifo(tmp_path / "in/pipe")
    with open_inside(tmp_path, "in/file") as file:
        assert file.read() == b"ours"
    for name in ("in/link", "in/pipe", "in", "in/../in/file", "/etc/passwd", "in//file", "in/file\0"):
        with pytest.raises(NotThere):
            open_inside(tmp_path, name)
    assert not is_inside(tmp_path / "in", tmp_path / "in/../other")


def test_what_a_run_says_is_shown_and_never_obeyed(local: Bench, client: FlaskClient) -> None:
    keep(local, name=HOSTILE, note=HOSTILE, tags=[HOSTILE])
    trial = local.results / "run-001" / "trial.json"
    document = json.loads(trial.read_text())
    document["stages"][0]["name"] = document["stages"][0]["hosts"]["local"]["outputs"][0]["name"] = HOSTILE
    document["error"] = {"code": "x", "message": HOSTILE}
    trial.write_text(json.dumps(document))
    for path in ("/", "/runs/run-001", "/runs/run-001/logs", "/metadata?run=run-001", "/plot?run=run-001",
                 "/compare?run=run-001&run=run-001", f"/?q={quote(HOSTILE)}",
                 f"/plot?run=run-001&name={quote(HOSTILE)}",
                 f"/runs/{quote(HOSTILE, safe='')}", f"/runs/run-001?trial={quote(HOSTILE)}"):  # fmt: skip
        answer = client.get(path)
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert answer.status_code < 500
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_strange_hosts_methods_and_sizes_are_refused(client: FlaskClient) -> None:
    for name in ("evil.example", "127.0.0.1.nip.io", "", "localhost.evil.example", "[::1].evil"):
        for path in ("/", "/static/style.css", "/nope", "/api/runs"):
            assert client.get(path, headers={"Host": name}).status_code == 403
    for name in ("localhost", "127.0.0.1:8787", "[::1]:8787", "LOCALHOST:1"):
        assert client.get("/", headers={"Host": name}).status_code == 200
    assert client.post("/").status_code == client.delete("/runs/run-001").status_code == 405
    assert client.get("/?q=" + "x" * 9000).status_code == 414
    assert client.get("/?" + "run=a&" * 300).status_code == 414
    assert client.get("/?q=" + "x" * 300).status_code == client.get("/?page=0").status_code == 400
    for query in ("run=run-001&width=99999999", "range=1", "run=run-001&range=nan,nan", "run=run-001&y=" + "x" * 400):
        assert client.get(f"/plot.svg?{query}").status_code == 400
    headers = client.get("/").headers
    assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")


def test_address_that_others_reach_needs_the_token(tmp_path: Path) -> None:
    app = create_app(Settings(tmp_path, "0.0.0.0", token="the-token"))
    with app.test_client() as client:
        assert client.get("/").status_code == client.get("/static/style.css").status_code == 401
        assert client.get("/api/runs?token=wrong").status_code == 401
        assert client.get("/api/runs", headers={"Authorization": "Bearer the-token"}).status_code == 200
        answer = client.get("/?tag=a&token=the-token")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/?tag=a")
        assert "HttpOnly" in answer.headers["Set-Cookie"]
        assert client.get("/").status_code == 200
        assert without_token("//evil.example/?token=x&a=b") == "/evil.example/?a=b"
    app.extensions["benchctl"].close()


def test_hosts_and_addresses_are_told_apart() -> None:
    assert [host_of(text) for text in ("A.b:80", "[::1]:80", "[::1]x", "a.")] == ["a.b", "::1", "", "a"]
    assert [is_loopback(text) for text in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "name")] == [
        *([True] * 3),
        *([False] * 2),
    ]


def test_broken_and_half_written_runs_are_shown_as_what_they_are(local: Bench, client: FlaskClient) -> None:
    keep(local)
    for name, text in (("run-002", '{"format": 1, "id"'), ("run-003", ""), ("run-004", '{"format": 99}')):
        (local.results / name).mkdir()
        (local.results / name / "metadata.json").write_text(text)
    (local.results / "run-005").mkdir()
    page = client.get("/").text
    assert page.count('<td><span class="status unreadable"') == 4
    assert "ends in the middle" in page
    assert "newer benchctl" in client.get("/runs/run-004").text
    assert client.get("/runs/run-002").status_code == 404


def test_index_is_kept_elsewhere_follows_the_files_and_rebuilds_itself(local: Bench) -> None:
    keep(local, note="before")
    index = index_of(local.results)
    first = Catalogue(local.results, index)
    assert [row.note for row in first.listing().rows] == ["before"]
    first.save()
    path = local.results / "run-001/metadata.json"
    path.write_text(path.read_text().replace("before", "afterwards"))
    second = Catalogue(local.results, index)
    assert [row.note for row in second.current(second.listing().rows)] == ["afterwards"]
    for damage in ("", "[]", '{"version": "0.1.0", "rows": [{}]}'):
        index.write_text(damage)
        assert [row.note for row in Catalogue(local.results, index).listing().rows] == ["afterwards"]
    (local.results / "run-001").rename(local.directory / "elsewhere")
    assert Catalogue(local.results, index).listing().rows == []


def test_many_requests_at_once_during_a_run_are_all_answered(local: Bench) -> None:
    keep(local)
    with local.running(local.stage("load", "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.3; done")) as run:
        bed.wait_until((local.results / "run-002/metadata.json").exists, "the run begins", timeout_s=DEADLINE_S)
        with serving(local.results) as address:
            paths = ["/", "/runs/run-001", "/runs/run-002", "/api/runs", "/api/runs/run-002/live", "/runs/run-002/logs",
                     "/plot.svg?run=run-001&source=lat&type=ecdf&y=latency", "/nope"]  # fmt: skip

            def ask(number: int) -> int:
                connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
                connection.request("GET", paths[number % len(paths)])
                status = connection.getresponse().status
                connection.close()
                return status

            with ThreadPoolExecutor(50) as pool:
                found = list(pool.map(ask, range(200)))
            assert set(found) <= {200, 404, 503}
            assert found.count(404) == 25
        assert run.end() == 0


@pytest.mark.parametrize("key", ["directory", "path"])
def test_record_whose_files_are_outside_draws_and_shows_none_of_them(
    local: Bench, client: FlaskClient, key: str
) -> None:
    keep(local)
    run = local.results / "run-001"
    outside = "../../" if key == "directory" else "../../source.csv"
    metadata, document = (json.loads((run / name).read_text()) for name in ("metadata.json", "trial.json"))
    if key == "directory":
        metadata["trials"][0]["directory"] = document["directory"] = "../.."
    else:
        document["stages"][0]["hosts"]["local"]["outputs"][0]["path"] = outside
    (run / "metadata.json").write_text(json.dumps(metadata))
    for folder in (run, local.directory):
        (folder / "trial.json").write_text(json.dumps(document))
    answer = client.get("/plot.svg?run=run-001&source=lat&type=ecdf&y=latency")
    assert answer.status_code == 422
    assert client.get(f"/runs/run-001/preview/{outside}").status_code == 404
    assert client.get("/runs/run-001").status_code == 200


def test_config_that_is_a_link_is_not_read(local: Bench, client: FlaskClient) -> None:
    keep(local)
    config = local.results / "run-001/config.yaml"
    config.rename(local.directory / "secret.yaml")
    config.symlink_to(local.directory / "secret.yaml")
    assert "source.csv" not in client.get("/runs/run-001").text.partition("<h2>Config")[2]
    assert client.get("/api/plot?run=run-001&source=lat&type=ecdf&y=latency").json["error"]["message"] == (  # type: ignore[index]
        "a file of this run leads out of its directory"
    )


def test_line_of_the_stage_that_failed_is_marked_in_the_config(local: Bench, client: FlaskClient) -> None:
    local.run(local.stage("load", "exit 3"))
    lines = (local.results / "run-001/config.yaml").read_text().splitlines()
    at = next(number for number, line in enumerate(lines, 1) if '"name": "load"' in line)
    assert f'<li id="L{at}" class="at">' in client.get("/runs/run-001").text


def test_taken_port_is_refused_with_the_cure(local: Bench) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError) as refused:
            serve(local.results, "127.0.0.1", port, names=(), token="", say=print)
    assert refused.value.message == f"can't listen on 127.0.0.1 port {port}: Address already in use"


def test_range_is_of_one_panel_where_each_has_an_axis_of_its_own(local: Bench, client: FlaskClient) -> None:
    keep(local)
    query = "/api/plot?run=run-001&source=lat&y=latency&y=size&type="

    def limits(kind: str, which: str, more: str) -> list[list[float]]:
        panels = client.get(f"{query}{kind}{more}").json["panels"]  # type: ignore[index]
        return [panel[which]["limits"] for panel in panels]

    for kind, which in (("histogram", "x"), ("ecdf", "x"), ("boxplot", "y")):
        whole, first, second = (limits(kind, which, more) for more in ("", "&range=0.5,2", "&range=1000,3000,1"))
        assert first[1] == whole[1]
        assert second[0] == whole[0]
        assert 0.4 < first[0][0] < first[0][1] < 2.1
        assert 900 < second[1][0] < second[1][1] < 3100
    assert limits("time_series&x=time", "x", "&range=1,2") == [[1.0, 2.0]] * 2
    assert client.get(f"{query}boxplot&range=1,2,x").status_code == 400


def test_picture_is_packed_for_who_can_unpack_it_and_one_too_large_is_refused(
    local: Bench, client: FlaskClient
) -> None:
    keep(local, number=30_000)
    query = "/plot.svg?run=run-001&source=lat&y=latency&type="
    plain, packed = (client.get(f"{query}ecdf", headers={"Accept-Encoding": how}) for how in ("identity", "gzip"))
    assert gzip.decompress(packed.data) == plain.data
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept-Encoding")
    answer = client.get("/api/plot?run=run-001&source=lat&type=time_series&y=latency&y=size&group_by=op&window=11ms")
    assert answer.status_code == 422
    assert answer.json["error"]["message"].endswith("; give a longer window or fewer lines, or take the PNG")  # type: ignore[index]


def test_long_names_leave_room_for_the_data_on_a_phone(local: Bench, client: FlaskClient) -> None:
    names = ["a-name-that-goes-on-and-on-for-ever-and-a-day", "another-name-that-goes-on-and-on-and-on-for-ever"]
    run(local, rows(400, ops=names), None)
    query = "/api/plot?run=run-001&source=lat&y=latency&width=320&group_by=op&type="
    for kind in ("boxplot", "ecdf"):
        (panel,) = client.get(query + kind).json["panels"]  # type: ignore[index]
        _, _, width, height = panel["box"]
        assert width > 0.6, kind
        assert height > 0.2, kind


def test_list_and_metadata_are_csv_and_json_as_well(local: Bench, client: FlaskClient) -> None:
    keep(local, name="alpha", tags=["a", "b"])
    keep(local, name="beta", note="slow, with a comma")
    listed = list(csv.DictReader(client.get("/runs.csv").text.splitlines()))
    assert [(row["id"], row["benchmark"], row["tags"], row["note"]) for row in listed] == [
        ("run-002", "beta", "", "slow, with a comma"),
        ("run-001", "alpha", "a b", ""),
    ]
    assert "p95 lowest (ms)" in listed[0]
    assert client.get("/runs.json?q=beta").json == client.get("/api/runs?q=beta").json
    both = "run=run-001&run=run-002"
    assert client.get(f"/metadata.json?{both}").json == client.get(f"/api/metadata?{both}").json
    rows = list(csv.reader(client.get(f"/metadata.csv?{both}").text.splitlines()))
    assert rows[:2] == [["key", "run-001", "run-002"], ["tags", "a b", ""]]


def test_comparison_is_read_once_and_has_its_verdicts_in_four_forms(
    local: Bench, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for note in ("before", "after"):
        keep(local, note=note)
    read: list[str] = []

    def noted(run: RunDirectory, case: str | None = None) -> RunRecord:
        read.append(run.id)
        return load(run, case)

    monkeypatch.setattr("benchctl.dashboard.finding.load", noted)
    page = client.get("/compare?run=run-001&run=run-002").text
    assert read == ["run-001", "run-002"]
    assert '<span class="verdict no-verdict"><span aria-hidden="true">·</span> no verdict</span>' in page
    query = "run=run-001&run=run-002"
    assert client.get(f"/compare.json?{query}").json == client.get(f"/api/compare?{query}").json
    (row,) = csv.DictReader(client.get(f"/compare.csv?{query}").text.splitlines())
    assert (row["base"], row["candidate"], row["metric"]) == ("run-001", "run-002", "p95")
    assert client.get(f"/compare.md?{query}").text.startswith("run-002 against run-001: separate trials")


def test_base_of_a_comparison_is_the_oldest_or_the_one_that_is_asked_for(local: Bench, client: FlaskClient) -> None:
    keep(local)
    keep(local)
    query = "/compare?run=run-002&run=run-001&type=ecdf&base="
    assert client.get(f"{query}oldest").headers["Location"] == "/compare?run=run-001&run=run-002&type=ecdf"
    assert client.get(f"{query}run-002").headers["Location"] == "/compare?run=run-002&run=run-001&type=ecdf"


def test_baseline_is_compared_with_and_named_as_one(local: Bench, client: FlaskClient) -> None:
    keep(local)
    keep(local)
    store = Store(local.results)
    baselines.save(store, "v1", load(store.select("run-001")[0]))
    page = client.get("/compare?run=v1&run=run-002").text
    assert "run-002 against v1: separate trials" in page
    assert "v1 (run-001)" in page
    assert '<option value="v1">v1 (baseline)</option>' in client.get("/compare?run=run-001&run=run-002").text
    assert client.get("/compare?run=run-001&run=v2").status_code == 404
    assert client.get("/compare?run=run-001&run=../baselines/v1").status_code == 404


def test_run_that_can_not_be_compared_is_shown_with_the_reason(local: Bench, client: FlaskClient) -> None:
    keep(local)
    keep(local)
    local.run(local.stage("load", "exit 3"))
    page = client.get("/compare?run=run-001&run=run-002&run=run-003").text
    assert "Not all succeeded: run-003 failed." in page
    assert "run-003 is not compared: run-003 has no trial that was measured to its end" in page
    assert "run-002 against run-001" in page


@pytest.mark.parametrize(
    ("address", "status", "title"),
    [
        ("/api/compare?run=run-001", 400, "Not to be answered"),
        ("/compare.json?run=run-001&run=run-001:none", 400, "Not to be answered"),
        ("/metadata.json?run=run-009", 404, "Not there"),
        ("/runs/run-009.json", 404, "Not there"),
        ("/api/runs/run-001?trial=none", 404, "Not there"),
        ("/runs/run-009/logs.json", 404, "Not there"),
        ("/runs.json?since=x", 400, "A filter makes no sense"),
    ],
)
def test_errors_of_all_json_are_json(local: Bench, client: FlaskClient, address: str, status: int, title: str) -> None:
    local.run(local.stage("load", "true"))
    answer = client.get(address)
    assert (answer.status_code, answer.json["error"]["title"]) == (status, title)  # type: ignore[index]
    assert client.get("/runs/run-001/files/none.json").mimetype == "text/html"


def test_timeline_counts_from_the_begin_of_the_trial_as_the_table_of_its_stages_does(local: Bench) -> None:
    trial = local.run(local.stage("load", "true")).trials[0]
    begin = trial.stages[0].hosts["local"].started
    assert begin
    late = replace(trial, started=begin - timedelta(seconds=3))
    drawn = timeline(late)
    assert drawn.lanes["local"][0].left == pytest.approx(100 * 3 / drawn.whole_s)


def test_list_counts_the_trials_that_a_run_misses_as_the_command_does(local: Bench, client: FlaskClient) -> None:
    local.run(local.stage("load", "exit 3"), config={"trials": {"repeat": 3, "warmup": 1}})
    assert client.get("/api/runs").json["runs"][0]["due"] == 3  # type: ignore[index]
    assert re.search(r"\b0/3\b", client.get("/").text)


def test_params_that_differ_are_offered_as_columns_and_sorted_as_numbers(local: Bench, client: FlaskClient) -> None:
    for threads in (9, 10, 2):
        local.run(local.stage("load", "true"), config={"cases": [{"name": "one", "params": {"threads": threads}}]})
    assert '<a href="/?columns=threads">+ threads</a>' in client.get("/").text
    page = client.get("/?columns=threads&sort=param:threads&order=asc").text
    assert re.findall(r'<td class="param">(\d+)</td>', page) == ["2", "9", "10"]


def test_two_cases_of_one_run_have_a_colour_and_a_name_each(local: Bench, client: FlaskClient) -> None:
    local.path("source.csv").write_text(rows(400))
    output = {"name": "lat", "remote_path": str(local.path("rows.csv")), "data_schema": SCHEMA}
    copying = local.stage("load", f"cp {local.path('source.csv')} {local.path('rows.csv')}", outputs=[output])
    local.run(copying, config={"cases": [{"name": name, "params": {}} for name in ("wal", "delete")]}, draws=False)
    (panel,) = client.get("/api/plot?run=run-001:delete&run=run-001:wal&source=lat&type=ecdf&y=latency").json["panels"]  # type: ignore[index]
    assert [series["label"] for series in panel["series"]] == ["delete", "wal"]
