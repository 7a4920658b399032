"""The process that draws pictures: requests come on stdin, answers go to stdout, both pickled.

It ends with stdin, and when the server is gone while it draws.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from benchctl.dashboard.wish import Drawn, Wish
from benchctl.errors import BenchctlError, PlotError

MOST_SVG_BYTES = 4_000_000  # a tenth on its way, as it is packed
LOOKS_S = 1.0  # how often it looks whether its server is still there


def main(server: int) -> None:
    """server: the process to draw for, which started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which closes stdin
    threading.Thread(target=_end_without, args=(server,), daemon=True).start()
    from benchctl.plots.view import picture  # noqa: F401 - loaded before the first request: it takes seconds

    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    while True:
        try:
            wish = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(_drawn(wish), answers)
        answers.flush()


def _end_without(server: int) -> None:
    """End as soon as the server is gone, also in the middle of a picture that nobody waits for any more."""
    while os.getppid() == server:
        time.sleep(LOOKS_S)
    os._exit(0)


def _drawn(wish: Wish) -> Drawn:
    try:
        return _draw(wish)
    except BenchctlError as error:
        return Drawn(error=error.message.replace(f"{wish.root}/", ""))
    except Exception as error:  # one picture fails, not the page
        return Drawn(error=f"benchctl made a mistake of its own: {type(error).__name__}: {error}")


def _draw(wish: Wish) -> Drawn:
    from benchctl.config.wanted import Wanted, load_plots
    from benchctl.plots.canvas import Limits
    from benchctl.plots.choosing import as_config, chosen
    from benchctl.plots.paper import PAPERS
    from benchctl.plots.view import picture, sources_of
    from benchctl.reports.text import size
    from benchctl.runs.loading import load_selected
    from benchctl.runs.store import Store

    records = [load_selected(Store(wish.root), name) for name in wish.runs]
    first = records[0]
    _refuse_outside(first.path, [first.path / "config.yaml"])
    variables = {str(name): str(value) for name, value in (first.options.get("set") or {}).items()}
    asked = Wanted(
        (wish.name,) if wish.name else (),
        {**{k: list(v) if isinstance(v, tuple) else v for k, v in wish.keys}, "format": wish.format},
    )
    plots = load_plots(first.path / "config.yaml", variables, asked, [as_config(one) for one in chosen(first)])
    if not plots:
        raise PlotError("there is nothing to draw: no output has a data_schema and a number that varies")
    found = sources_of(records, plots[0].source)
    for source in found:
        _refuse_outside(source.run.path, source.reading.files)
    made = picture(plots[0], found, Limits(*wish.limits) if wish.limits else None, paper=PAPERS[wish.theme])
    if wish.format == "svg" and len(made.content) > MOST_SVG_BYTES:
        raise PlotError(
            f"as SVG this picture has {size(len(made.content))}; give a longer window or fewer lines, or take the PNG"
        )
    return Drawn(made.content, dict(made.seen), made.table)


def _refuse_outside(folder: Path, files: Sequence[Path]) -> None:
    from benchctl.dashboard.inside import is_inside

    if not all(is_inside(folder, path) for path in files):
        raise PlotError("a file of this run leads out of its directory")


if __name__ == "__main__":
    main(int(sys.argv[1]))
