"""What every request is held to, and every answer says, whatever it is about."""

from __future__ import annotations

import hmac
import re
from typing import Any

from flask import Flask, Response, redirect, render_template, request

from benchctl.dashboard.settings import Settings
from benchctl.errors import BenchctlError, RunNotFound, UsageError

LONGEST_QUERY, MOST_PARAMETERS = 8_000, 200
JSON_PAGE = re.compile(r"/\w+\.json|/runs/[^/]+\.json|/runs/[^/]+/logs\.json")  # no file that a run brought home
WEEK_S = 7 * 86_400
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
}
# Of what a run brought home, also when it is opened by itself: nothing in it may do anything.
OF_FILES = {"Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'"}


def install(app: Flask, settings: Settings) -> None:
    """Have every request checked before anything else is done, and every answer carry the headers."""

    @app.before_request
    def check() -> Any:
        return (
            _wrong_host(settings)
            or _wrong_method()
            or _too_long()
            or (_without_token(settings) if settings.token else None)
        )

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


def refusal(status: int, title: str, text: str) -> Any:
    """An answer that says why there is no other: a page, or JSON below /api and of a page's `.json`."""
    if request.path.startswith("/api/") or JSON_PAGE.fullmatch(request.path):
        return {"schema": "benchctl/error@1", "error": {"status": status, "title": title, "message": text}}, status
    return render_template("refusal.html", title=title, text=text, is_bare=status in (401, 403)), status


def not_readable(error: BenchctlError, settings: Settings) -> Any:
    """What is wrong with a run, by its name, or with what was asked.

    Where the results are on this machine is nobody's business.
    """
    text = error.message.replace(f"{settings.root}/", "").replace(f"{settings.root.resolve()}/", "")
    if isinstance(error, UsageError):
        return refusal(400, "Not to be answered", text)
    return refusal(404, "Not there" if isinstance(error, RunNotFound) else "Not readable", text)


def _wrong_host(settings: Settings) -> Any:
    if settings.accepts(request.headers.get("Host", "")):
        return None
    name = request.headers.get("Host", "")[:100]
    text = f"This dashboard does not answer to the name {name!r}. If it is one of its own: --allowed-host NAME."
    return refusal(403, "Wrong host", text)


def _wrong_method() -> Any:
    if request.method in ("GET", "HEAD"):
        return None
    return refusal(405, "Only for reading", "The dashboard changes nothing; it takes GET and HEAD alone.")


def _too_long() -> Any:
    if len(request.query_string) <= LONGEST_QUERY and request.query_string.count(b"&") < MOST_PARAMETERS:
        return None
    text = f"An address takes at most {LONGEST_QUERY:,} characters and {MOST_PARAMETERS} parameters after its ?."
    return refusal(414, "Too long", text)


def _without_token(settings: Settings) -> Any:
    """Let in who shows the token: in a link once, in the cookie that it gives from then on, or in a header."""
    cookie = f"benchctl-{settings.port}"
    shown = request.args.get("token", "")
    if shown and _same(shown, settings.token):
        answer = redirect(without_token(request.full_path))
        # Lax: a link to a page from a chat or a wiki leads there, and nothing here is changed by any request.
        answer.set_cookie(cookie, settings.token, max_age=WEEK_S, httponly=True, samesite="Lax")
        return answer
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if any(_same(text, settings.token) for text in (request.cookies.get(cookie, ""), given)):
        return None
    text = "This dashboard is for those who have its link. `benchctl serve` printed it, with ?token=... at its end."
    return refusal(401, "Not without the link", text)


def without_token(path: str) -> str:
    """The same place without the token."""
    place, _, query = path.partition("?")
    rest = "&".join(part for part in query.split("&") if part and not part.startswith("token="))
    return f"/{place.lstrip('/')}" + (f"?{rest}" if rest else "")


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())
