"""The Flask app: what its pages share. Each page is in a module of its own."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from markupsafe import Markup

from benchctl.dashboard import compare_page, files_page, guard, metadata_page, plot_page, run_page, runs_page
from benchctl.dashboard.catalogue import Catalogue, index_of
from benchctl.dashboard.live import Streams
from benchctl.dashboard.painter import Painter
from benchctl.dashboard.settings import Settings
from benchctl.errors import BenchctlError
from benchctl.reports.metrics import number
from benchctl.reports.text import count, duration, size


class State:
    """What lives as long as the server."""

    def __init__(self, root: Path, index: Path | None) -> None:
        self.root = root
        self.catalogue = Catalogue(root, index)
        self.painter = Painter()
        self.streams = Streams()

    def close(self) -> None:
        self.streams.closing.set()
        self.painter.close()
        self.catalogue.save()


def create_app(settings: Settings) -> Flask:
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["benchctl"] = State(settings.root, index_of(settings.root))
    app.jinja_env.finalize = harmless
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= {"duration": duration, "size": size, "number": number, "count": count, "time": time_tag}
    guard.install(app, settings)
    for page in (runs_page, run_page, files_page, plot_page, compare_page, metadata_page):
        app.register_blueprint(page.pages)
    app.register_error_handler(404, lambda _: guard.refusal(404, "Not there", "There is nothing at this address."))
    app.register_error_handler(BenchctlError, lambda error: guard.not_readable(error, settings))
    app.register_error_handler(500, lambda _: guard.refusal(500, "A mistake of benchctl", "Its terminal has more."))
    return app


def warm_up(app: Flask) -> None:
    """Do what the first page would wait for: compile the templates, look at the runs."""
    for name in app.jinja_env.list_templates(extensions=["html"]):
        app.jinja_env.get_template(name)
    state: State = app.extensions["benchctl"]
    with contextlib.suppress(BenchctlError):  # the first page tells
        _ = state.catalogue.listing().choices


def harmless(value: Any) -> Any:
    """A text without control characters and marks that turn the direction of what follows."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(c for c in value if c.isprintable() or c in "\n\t")


def time_tag(moment: datetime | str | None) -> Markup:
    """A moment in UTC, which the page turns into the reader's zone."""
    try:
        at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    except ValueError:
        at = None
    if at is None:
        return Markup("")
    utc = at.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{} UTC</time>').format(
        utc.strftime("%Y-%m-%dT%H:%M:%SZ"), utc.strftime("%Y-%m-%d %H:%M:%S"), utc.strftime("%Y-%m-%d %H:%M")
    )
