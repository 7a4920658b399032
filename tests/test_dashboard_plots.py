"""Plots in a page of the dashboard, as a person uses them in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from dashboard_bed import chromium, keep, serving  # noqa: F401  chromium is a fixture
from playwright.sync_api import Page, expect, sync_playwright
from test_dashboard_browser import browsing
from workflow_bed import Bench

OF_TIME = "run=run-001&source=lat&type=time_series&x=time&y=latency"
OF_BOXES = "run=run-001&source=lat&type=boxplot&x=op&y=latency"


@contextmanager
def looking(local: Bench, program: str, query: str, **options: object) -> Iterator[Page]:
    """The page of a plot of 400 rows in 2.793 s, once it is drawn."""
    keep(local)
    with serving(local.results) as address, browsing(program, **options) as page:
        page.goto(f"{address}plot?{query}")
        drawn(page)
        yield page


def drawn(page: Page) -> None:
    expect(page.locator("figure.view:not([aria-busy]) .picture img")).not_to_have_js_property("naturalWidth", 0)


def seen_range(page: Page) -> list[float]:
    """The range in the page's address, which the picture, the downloads and the form share."""
    drawn(page)
    (text,) = parse_qs(urlsplit(page.url).query).get("range", [""])
    places = [page.locator(".picture img").get_attribute("src"), page.locator("a.download").last.get_attribute("href")]
    assert [parse_qs(urlsplit(place or "").query).get("range", [""]) for place in places] == [[text]] * 2
    assert page.locator(".chooser [name=range]").input_value() == text
    return [round(float(edge), 2) for edge in text.split(",")] if text else []


def test_plot_is_zoomed_and_moved_by_keys_and_buttons_and_the_way_back_is_kept(local: Bench, chromium: str) -> None:  # noqa: F811
    with looking(local, chromium, f"{OF_TIME}&range=1,2") as page:
        picture = page.get_by_role("group", name="time_series: + and - zoom")
        for key, expected in (
            ("+", [1.25, 1.75]),
            ("ArrowRight", [1.4, 1.9]),
            ("ArrowLeft", [1.25, 1.75]),
            ("-", [1, 2]),
        ):
            picture.press(key)
            assert seen_range(page) == expected
        page.get_by_role("button", name="Move to higher values").click()
        assert seen_range(page) == [1.3, 2.3]
        page.go_back()
        expect(page.locator(".picture img")).to_have_attribute("src", re.compile("range=1%2C2"))
        assert seen_range(page) == [1, 2]
        page.get_by_role("button", name="Show all").click()
        assert seen_range(page) == []
        address = page.url
        page.get_by_role("button", name="Zoom in").click()
        assert len(seen_range(page)) == 2
        picture.press("Home")
        assert (seen_range(page), page.url) == ([], address)


def drag(page: Page, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """From a place in the picture to another, as shares of its width and height."""
    box = page.locator(".picture img").bounding_box()
    assert box
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in (begin, end)]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=3)
    page.mouse.up()


def test_dragging_zooms_and_with_shift_moves(local: Bench, chromium: str) -> None:  # noqa: F811
    with looking(local, chromium, f"{OF_TIME}&range=1,2", viewport={"width": 900, "height": 1000}) as page:
        page.keyboard.down("Shift")
        drag(page, (0.6, 0.5), (0.4, 0.5))
        page.keyboard.up("Shift")
        low, high = seen_range(page)
        assert 1.1 < low < 1.5
        assert round(high - low, 2) == 1
        drag(page, (0.4, 0.5), (0.6, 0.5))
        inner_low, inner_high = seen_range(page)
        assert low < inner_low < inner_high < high


def test_box_tells_its_numbers_and_its_values_are_zoomed(local: Bench, chromium: str) -> None:  # noqa: F811
    with looking(local, chromium, OF_BOXES, viewport={"width": 900, "height": 1000}) as page:
        box = page.locator(".picture img").bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] * 0.54, box["y"] + box["height"] * 0.5)
        number = r"[\d.]+"
        expect(page.locator(".reading")).to_have_text(
            re.compile(
                rf"^_scan: lower whisker {number}, first quartile {number}, median {number}, third quartile {number}, "
                rf"upper whisker {number} ms \(133 rows\)$"
            )
        )
        drag(page, (0.5, 0.6), (0.5, 0.4))
        low, high = seen_range(page)
        assert 0 < low < high < 20
        page.locator(".picture").press("ArrowUp")
        assert seen_range(page)[0] > low
        page.get_by_text("In words and numbers").click()
        expect(page.locator(".told tbody tr")).to_have_count(3)
        expect(page.locator(".told thead")).to_contain_text("third quartile")


def test_point_is_told_with_its_unit_and_the_rows_behind_it_also_as_a_table(local: Bench, chromium: str) -> None:  # noqa: F811
    with looking(local, chromium, f"{OF_TIME}&group_by=op&window=1s") as page:
        page.locator(".picture").hover()
        expect(page.locator(".reading")).to_have_text(
            re.compile(
                r"^time since the first row \(s\) 1\.\d+: \$x [\d.]+ ms \(4[78] rows\), _scan [\d.]+ ms \(4\d rows\)"
            )
        )
        page.get_by_text("In words and numbers").click()
        expect(page.locator(".told tbody tr")).to_have_count(9)
        expect(page.locator(".summary li").first).to_contain_text("$x: latency (ms): 3 points, lowest")


def test_picture_follows_the_theme_and_the_width_and_downloads_stay_white(local: Bench, chromium: str) -> None:  # noqa: F811
    with looking(local, chromium, OF_TIME, color_scheme="dark", viewport={"width": 360, "height": 800}) as page:
        image = page.locator(".picture img")
        expect(image).to_have_attribute("src", re.compile("width=320&theme=dark"))
        page.emulate_media(color_scheme="light")
        expect(image).to_have_attribute("src", re.compile("theme=light"))
        page.set_viewport_size({"width": 1000, "height": 800})
        expect(image).to_have_attribute("src", re.compile("width=9[0-9]0"))
        assert "theme" not in (page.locator("a.download").first.get_attribute("href") or "theme")


def test_range_without_rows_is_said_and_left_again(local: Bench, chromium: str) -> None:  # noqa: F811
    keep(local)
    with serving(local.results) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()  # its console tells of each answer that is an error
        page.goto(f"{address}plot?{OF_TIME}&range=70,80")
        expect(page.get_by_role("status")).to_have_text("Not drawn: there are no rows from 70 to 80 Try again")
        expect(page.locator(".picture img")).to_be_hidden()
        page.get_by_role("button", name="Show all").click()
        drawn(page)
        expect(page.get_by_role("status")).to_be_empty()
        browser.close()


def test_without_scripts_the_form_chooses_the_range(local: Bench, chromium: str) -> None:  # noqa: F811
    keep(local)
    with serving(local.results) as address, browsing(chromium, java_script_enabled=False) as page:
        page.goto(f"{address}plot?{OF_TIME}")
        page.get_by_label("Range", exact=True).fill("1,2")
        page.get_by_role("button", name="Draw").click()
        assert "range=1%2C2" in (page.locator(".picture img").get_attribute("src") or "")
        expect(page.locator(".picture img")).to_be_visible()
