"""What an attacker could put into an address, a request or a run: nothing of it leaks, breaks or is obeyed."""

from __future__ import annotations

import copy
import gzip
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from dashboard_bed import chromium, keep, serving  # noqa: F401  chromium is a fixture
from flask.testing import FlaskClient
from playwright.sync_api import sync_playwright
from workflow_bed import DEADLINE_S, Bench

from benchctl.dashboard.peeking import UNPACKED, peek

PAYLOAD = (
    "</script></title><script>window.pwned=1</script><img src=x onerror=window.pwned=1>\"' onclick=pwned=1 {{7*7}}"
)
ODD: list[Any] = [PAYLOAD, 1e308, -5, None, [[1]], {"a": {"b": PAYLOAD}}, "9999-99-99T00:00:00Z"]
SPELLINGS = [
    "../secret", "../../secret", "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "..%252fsecret", "..%5csecret",
    "..\\secret", "....//secret", "..;/secret", "./../secret", ".%2e/secret", "%2e./secret", "..%c0%afsecret",
    "..%u2215secret", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "///etc/passwd", "/proc/self/environ",
    "file:///etc/passwd", "link.csv", "folder/passwd", "logs/../../secret", "a/b/../../../secret", "secret%00.csv",
    "%00", "", ".", "..", "~/secret", "lat.csv/../../../secret", "C:\\secret", "..%ef%bc%8fsecret", "%0d%0aX-Odd:1",
]  # fmt: skip
LINKED = ("metadata.json", "trial.json", "events.ndjson", "config.yaml", "logs/load.local.out", "source.csv")


def addresses(client: FlaskClient, name: str, path: str) -> Iterator[str]:
    """Each route of the dashboard, with these in the place of a run and a file, and as a run that is asked for."""
    for rule in client.application.url_map.iter_rules():
        address = re.sub(r"<path:\w+>", lambda _: path, re.sub(r"<\w+>", lambda _: name, str(rule)))
        yield address
        yield f"{address}?run={name}&name={path}&source={path}&trial={path}&stage={path}"


def test_no_spelling_of_a_path_leads_out_on_any_route(local: Bench, client: FlaskClient) -> None:
    run = local.results / "run-001"
    (run / "logs").mkdir(parents=True)
    (run / "metadata.json").write_text(json.dumps({"format": 1, "status": "succeeded"}))
    for place in (local.directory, local.results):
        (place / "secret").write_text("root:x: the secret")
    (run / "link.csv").symlink_to(local.directory / "secret")
    (run / "folder").symlink_to("/etc")
    (local.results / "run-002").symlink_to("/etc")
    names = ("run-001", "run-002")
    asked = [pair for text in SPELLINGS for pair in ((text, text), *((name, text) for name in names))]
    for name, path in (*asked, ("run-002", "passwd")):
        for address in addresses(client, name, path):
            answer = client.get(address)
            told = answer.get_data(as_text=True)
            assert "root:x" not in told
            assert str(local.directory) not in told
            assert answer.status_code < 500 or answer.status_code == 503, address
            assert "X-Odd" not in answer.headers


@pytest.mark.parametrize("name", LINKED)
def test_no_link_in_a_run_is_followed_whatever_file_it_stands_for(local: Bench, client: FlaskClient, name: str) -> None:
    keep(local, note="canary")
    run = local.results / "run-001"
    text = (run / name).read_text()
    (run / name).unlink()
    (local.directory / "outside").write_text(text.replace("begun", "canary").replace("0.", "canary"))
    (run / name).symlink_to(local.directory / "outside")
    if name == "events.ndjson":  # what is told by it alone
        (run / "metadata.json").unlink()
    canary = "canary" if name != "metadata.json" else "nightly"
    for path in ("", "/logs", "/logs.json", ".json", ".csv", f"/files/{name}", f"/preview/{name}", "/live"):
        told = client.get(f"/runs/run-001{path}").text
        if name not in ("trial.json", "config.yaml"):
            assert canary not in told.replace('<p class="noted">canary</p>', "").replace('"note":"canary"', ""), path


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places of a document; of a list those in its first two entries."""
    entries = (
        list(value.items())
        if isinstance(value, dict)
        else list(enumerate(value))[:2]
        if isinstance(value, list)
        else []
    )
    for key, item in entries:
        yield (*path, key)
        yield from leaves(item, (*path, key))


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", ["metadata.json", "trial.json"])
def test_no_value_in_any_field_of_a_record_breaks_a_page_or_is_obeyed(
    local: Bench, client: FlaskClient, name: str
) -> None:
    keep(local, note="one", tags=["a"])
    file = local.results / "run-001" / name
    document = json.loads(file.read_text())
    for place in [place for place in leaves(document) if "document" not in place]:
        for value in ODD:
            file.write_text(json.dumps(with_value(document, place, value)))
            answer = client.get("/runs/run-001")
            assert answer.status_code < 500, (place, value)
            assert "<script>window" not in answer.text, (place, value)
            assert "<img src=x" not in answer.text, (place, value)
            assert str(local.results) not in answer.text, (place, value)


def everywhere(value: Any, key: str = "") -> Any:
    """A document with the payload in each text and each name that is a user's own."""
    kept = {"directory", "status", "path", "started", "finished", "type", "uid", "better", "logs", "document"}
    if isinstance(value, dict):
        return {k: item if k in kept else everywhere(item, k) for k, item in value.items()}
    if isinstance(value, list):
        return [everywhere(item, key) for item in value]
    return PAYLOAD if isinstance(value, str) else value


def hostile_run(local: Bench) -> None:
    """A run that is hostile wherever it can be, in its files as well."""
    keep(local, name=PAYLOAD, note=PAYLOAD, tags=[PAYLOAD])
    run = local.results / "run-001"
    for name in ("metadata.json", "trial.json"):
        document = everywhere(json.loads((run / name).read_text()))
        document["error"] = {"code": "x", "message": PAYLOAD, "stderr": [PAYLOAD], "hint": PAYLOAD, "stage": PAYLOAD}
        if name == "metadata.json":
            document["hosts"] = {PAYLOAD: {"facts": {PAYLOAD: PAYLOAD}}}
            document["flags"], document["cases"] = [PAYLOAD], {PAYLOAD: {PAYLOAD: PAYLOAD}}
            document["git"] = {"commit": PAYLOAD, "branch": PAYLOAD}
        else:
            document["metrics"] = {PAYLOAD: {"value": 1.0, "unit": PAYLOAD, "remark": PAYLOAD}}
            stage = document["stages"][0]
            stage["hosts"] = {PAYLOAD: stage["hosts"]["local"]}
        (run / name).write_text(json.dumps(document))
    (run / "source.csv").write_text(f'"{PAYLOAD.replace(chr(34), chr(34) * 2)}",b\n{PAYLOAD},<b>x</b>\n')
    for log in (run / "logs").iterdir():
        log.write_text(f"{PAYLOAD}\n\x1b]0;title\x07\u202e\n")
    (run / "config.yaml").write_text(f"# {PAYLOAD}\n")


def test_no_browser_runs_what_a_run_says_on_any_page(local: Bench, chromium: str) -> None:  # noqa: F811
    hostile_run(local)
    hostile = quote(PAYLOAD, safe="")
    paths = ["", f"?q={hostile}", "runs/run-001", f"runs/run-001?trial={hostile}", "runs/run-001/logs",
             f"runs/run-001/logs?q={hostile}", "runs/run-001/preview/source.csv", "runs/run-001/preview/config.yaml",
             "compare?run=run-001&run=run-001", "metadata", f"plot?run=run-001&name={hostile}", f"runs/{hostile}",
             "plot.svg?run=run-001&source=lat&type=ecdf&y=latency"]  # fmt: skip
    told: list[str] = []
    with serving(local.results) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_init_script("document.addEventListener('securitypolicyviolation', () => { window.violated = 1; })")
        page.on("dialog", lambda dialog: told.append(dialog.message))
        page.on("pageerror", lambda error: told.append(str(error)))
        for path in paths:
            page.goto(address + path, wait_until="load")
            assert page.evaluate("window.pwned ?? window.violated ?? 0") == 0, path
            assert page.locator("[onclick], [onerror], img[src=x]").count() == 0, path
            assert "49" not in page.title()
        browser.close()
    assert told == []


def test_sizes_and_numbers_that_no_page_asks_for_are_refused(local: Bench, client: FlaskClient) -> None:
    keep(local)
    assert client.get("/?q=" + "x" * 10_000_000).status_code == 414
    assert client.get("/?" + "&".join(f"p{number}=1" for number in range(10_000))).status_code == 414
    plot = "/plot.svg?run=run-001&source=lat&type=ecdf&y=latency"
    for value in ("1e308", "-1e308", "nan", "inf", "-1", "0", "1" * 400, "0x10", "", "\0", "١٢", "1,2,3"):
        for query in (f"/?page={quote(value)}", f"/?per_page={quote(value)}", f"{plot}&width={quote(value)}",
                      f"{plot}&height={quote(value)}", f"{plot}&range={quote(value)},{quote(value)}",
                      f"{plot}&window={quote(value)}", f"/runs/run-001?trial={quote(value)}"):  # fmt: skip
            assert client.get(query).status_code in (200, 400, 404, 422), query


def test_other_methods_are_refused_on_every_route(client: FlaskClient) -> None:
    for address in addresses(client, "run-001", "x"):
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "ODD"):
            assert client.open(address, method=method).status_code == 405, (method, address)
        head, get = client.head(address), client.get(address)
        assert (head.status_code, head.data) == (get.status_code, b"")


def test_foreign_names_are_refused_on_every_route(client: FlaskClient) -> None:
    for address in addresses(client, "run-001", "x"):
        for name in ("evil.example", "127.0.0.1.nip.io", "localhost@evil.example", "evil.example:8787", "a b", "[::1"):
            assert client.get(address, headers={"Host": name}).status_code == 403, (name, address)


def test_packed_file_that_would_fill_the_memory_is_shown_to_a_bound(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "bomb.gz", "wb", compresslevel=9) as file:
        for _ in range((UNPACKED >> 20) + 8):
            file.write(b"0" * (1 << 20))
    seen = peek(tmp_path, "bomb.gz")
    assert (len(seen.begin), seen.end) == (1 << 20, b"")
    assert seen.remark == "Unpacked it is larger than 64 MiB: its end is not shown."
    (tmp_path / "torn.gz").write_bytes((tmp_path / "bomb.gz").read_bytes()[:3000])
    assert peek(tmp_path, "torn.gz").remark == "Its gzip data is damaged, or ends in the middle."


def test_packed_and_binary_files_are_shown_as_what_they_hold(tmp_path: Path) -> None:
    lines = ["a,b", *(f"{number},x" for number in range(300_000))]
    with gzip.open(tmp_path / "rows.csv.gz", "wt") as file:
        file.write("\n".join(lines) + "\n")
    first, last = peek(tmp_path, "rows.csv.gz").rows(",")
    assert (first[0], first[-1], len(first)) == (["a", "b"], ["49", "x"], 51)
    assert (last[0], last[-1], len(last)) == (["299950", "x"], ["299999", "x"], 50)
    (tmp_path / "few.csv").write_text("\n".join(lines[:121]))
    first, last = peek(tmp_path, "few.csv").rows(",")
    assert (first[-1], last[0], last[-1]) == (["49", "x"], ["70", "x"], ["119", "x"])
    (tmp_path / "image").write_bytes(b"\x89PNG\0abc" + bytes(range(16)))
    seen = peek(tmp_path, "image")
    assert seen.is_binary
    assert seen.hexadecimal.split("\n") == [
        "00000000  89 50 4e 47 00 61 62 63 00 01 02 03 04 05 06 07  .PNG.abc........",
        "00000010  08 09 0a 0b 0c 0d 0e 0f                          ........",
    ]


def test_more_readers_than_there_is_room_for_get_an_answer(local: Bench) -> None:
    with local.running(local.stage("load", "sleep 4")) as run, serving(local.results) as address:
        run.wait_for("stage_started")
        netloc = urlsplit(address).netloc
        host, port = netloc.split(":")
        open_ones = []
        for _ in range(200):
            one = socket.create_connection((host, int(port)), DEADLINE_S)
            one.sendall(f"GET /runs/run-001/live HTTP/1.1\r\nHost: {netloc}\r\n\r\n".encode())
            open_ones.append(one)
        assert {one.recv(12) for one in open_ones} <= {b"HTTP/1.1 200", b"HTTP/1.1 503"}
        with socket.create_connection((host, int(port)), DEADLINE_S) as another:
            another.sendall(f"GET / HTTP/1.1\r\nHost: {netloc}\r\nConnection: close\r\n\r\n".encode())
            assert another.recv(12) == b"HTTP/1.1 200"
        assert run.end() == 0
        ends = [_rest(one) for one in open_ones]
        assert all(b"Traceback" not in end for end in ends)
        assert sum(b'"status": "succeeded"' in end for end in ends) > 150


def _rest(connection: socket.socket) -> bytes:
    """What is sent until the server closes, or is done with the answer."""
    found = b""
    connection.settimeout(DEADLINE_S)
    while not found.endswith(b"0\r\n\r\n") and (data := connection.recv(1 << 16)):
        found += data
    connection.close()
    return found
