"""How often each case is measured: a number of times, or until a metric is known exactly enough."""

from __future__ import annotations

from benchctl.config.findings import References
from benchctl.config.items import Item
from benchctl.config.measuring import check_precision
from benchctl.config.model import UNTIL_MAX


def check_trials(references: References) -> None:
    """`until` is of a metric that there is, and fits what stands beside it."""
    trials = references.draft.trials
    if "until" in trials:
        check_precision(references, trials.at("until"), trials["until"])
        _check_company(references, trials)
        _check_limits(references, trials)
    elif not references.document.is_bad(trials.place, trials.at("until")):
        for key in ("min", "max", "budget"):
            if key in trials:
                references.problem(trials.at(key), f"{key} is a limit of until; add until: METRIC +-5%, or remove it")


def _check_company(references: References, trials: Item) -> None:
    if "repeat" in trials:
        sentence = "repeat is a fixed number of trials, and until finds out how many it takes; keep one of them"
        references.problem(trials.at("repeat"), sentence)
    if trials.get("order") == "random":
        sentence = "random puts all trials in one order, and until leaves open how many there are; take interleaved"
        references.problem(trials.at("order"), f"{sentence}, which is in a random order within each round")


def _check_limits(references: References, trials: Item) -> None:
    fewest, most = trials.get("min"), trials.get("max", UNTIL_MAX)
    if fewest is not None and fewest > most:
        by_default = "" if "max" in trials else " unless max says otherwise"
        sentence = (
            f"no case has at least {fewest} trials and at most {most}{by_default}; make it smaller, or max larger"
        )
        references.problem(trials.at("min"), sentence)
