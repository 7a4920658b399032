"""The dashboard in a real Chromium: what a person does with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe
from dashboard_bed import chromium, keep, serving  # noqa: F401  chromium is a fixture
from playwright.sync_api import Page, expect, sync_playwright
from workflow_bed import Bench


@contextmanager
def browsing(program: str, **options: object) -> Iterator[Page]:
    """A page whose console stays silent."""
    told: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("dialog", lambda dialog: told.append(dialog.message))
        yield page
        browser.close()
    assert told == []


def test_runs_are_filtered_opened_compared_and_zoomed(local: Bench, chromium: str) -> None:  # noqa: F811
    keep(local, name="alpha", tags=["nightly"])
    keep(local, name="alpha", note="<script>alert(1)</script>")
    with serving(local.results) as address, browsing(chromium) as page:
        page.goto(address)
        expect(page.locator("tbody tr")).to_have_count(2)
        page.get_by_label("Search").fill("nightly")
        page.get_by_role("button", name="Filter").click()
        expect(page.locator("tbody tr")).to_have_count(1)
        page.get_by_role("link", name="run-001").click()
        expect(page).to_have_title("run-001 succeeded - benchctl")
        expect(page.locator("figure.view").first.locator("img")).not_to_have_js_property("naturalWidth", 0)
        page.goto(address)
        for name in ("run-001", "run-002"):
            page.get_by_label(f"Choose {name}").check()
        page.get_by_role("button", name="Compare 2 chosen").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("run-001 compared with run-002")
        image = page.locator(".picture img")
        expect(image).not_to_have_js_property("naturalWidth", 0)
        page.locator(".picture").scroll_into_view_if_needed()
        box = page.locator(".picture").bounding_box()
        assert box
        middle = box["y"] + box["height"] * 0.5
        page.mouse.move(box["x"] + box["width"] * 0.3, middle)
        expect(page.locator(".reading")).to_contain_text("time since")
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.5, middle, steps=3)
        page.mouse.up()
        expect(page).to_have_url(re.compile("range="))
        expect(image).to_have_attribute("src", re.compile("range="))
        page.wait_for_load_state("networkidle")


def test_run_is_watched_until_it_ends(local: Bench, chromium: str) -> None:  # noqa: F811
    command = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; sleep 0.4; done"
    with local.running(local.stage("load", command)) as run, serving(local.results) as address:
        run.wait_for("stage_started")
        with browsing(chromium) as page:
            page.goto(f"{address}runs/run-001")
            expect(page.locator("#live-state")).to_have_text("load on local", timeout=20_000)
            expect(page.locator("#live-tails")).to_contain_text("line", timeout=20_000)
            expect(page).to_have_title("run-001 succeeded - benchctl", timeout=30_000)
        assert run.end() == 0


def test_trials_and_stages_of_a_run_are_followed_without_loading_the_page(local: Bench, chromium: str) -> None:  # noqa: F811
    background = local.stage("watch", "sleep 60", background=True)
    config = {"trials": {"repeat": 2}}
    with local.running(background, local.stage("load", "sleep 4"), config=config) as run:
        run.wait_for("stage_started", stage="load")
        with serving(local.results) as address, browsing(chromium) as page:
            page.goto(f"{address}runs/run-001")
            page.evaluate("window.isTheSame = true")
            page.locator("#stages tbody summary").nth(1).click()
            rows = page.locator("#stages tbody tr")
            expect(rows.nth(0).locator(".status")).to_have_text("▸ running")
            expect(page.locator("#timeline h2")).to_have_text("Timeline of 02", timeout=20_000)
            expect(rows.nth(1).locator(".status")).to_have_text("▸ running")
            assert page.locator("#stages tbody details").evaluate_all("all => all.map(one => one.open)") == [
                False,
                True,
            ]
            assert page.evaluate("window.isTheSame")
            expect(page).to_have_title("run-001 succeeded - benchctl", timeout=30_000)
        assert run.end() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_have_no_barriers_and_fit_a_phone(local: Bench, chromium: str, theme: str) -> None:  # noqa: F811
    keep(local, tags=["nightly"])
    keep(local, note="b")
    paths = ["", "runs/run-001", "runs/run-001/logs", "runs/run-001/preview/source.csv", "metadata",
             "compare?run=run-001&run=run-002", "plot?run=run-001"]  # fmt: skip
    options = {"color_scheme": theme, "bypass_csp": True, "viewport": {"width": 360, "height": 800}}
    with serving(local.results) as address, browsing(chromium, **options) as page:
        for path in paths:
            page.goto(address + path)
            found = Axe().run(page).response["violations"]
            assert [(path, one["id"], one["nodes"][0]["html"]) for one in found] == []
            root = "document.documentElement"
            assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth"), path


def test_runs_are_walked_through_chosen_and_compared_by_keys(local: Bench, chromium: str) -> None:  # noqa: F811
    for note in ("a", "b", "c"):
        keep(local, note=note)
    with serving(local.results) as address, browsing(chromium) as page:
        page.goto(address)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
        for key in "jxjjx":
            page.keyboard.press(key)
        expect(page.get_by_role("button", name="Compare 2 chosen")).to_be_visible()
        page.keyboard.press("c")
        expect(page).to_have_title("run-001, run-003 compared - benchctl")
        page.wait_for_load_state("networkidle")
        page.go_back()
        page.keyboard.press("/")
        page.keyboard.type("c")
        expect(page.get_by_label("Search")).to_have_value("c")


def test_list_shows_how_a_run_goes_on_and_keeps_what_is_chosen(local: Bench, chromium: str) -> None:  # noqa: F811
    keep(local)
    with local.running(local.stage("load", "sleep 4")) as run, serving(local.results) as address:
        run.wait_for("stage_started")
        with browsing(chromium) as page:
            page.goto(address)
            expect(page.locator("#run-002 .status")).to_have_text("▸ running")
            page.get_by_label("Choose run-001").check()
            expect(page.locator("#run-002 .status")).to_have_text("✓ succeeded", timeout=30_000)
            expect(page.get_by_label("Choose run-001")).to_be_checked()
        assert run.end() == 0
