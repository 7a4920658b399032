"""What is asked of a comparison, on a command line or by `inv`, and what is answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchctl.errors import UsageError
from benchctl.template import did_you_mean
from benchctl.units import parse_share

if TYPE_CHECKING:
    from benchctl.analysis.findings import Comparison
    from benchctl.comparing import Given
    from benchctl.reports.thresholds import Outcome

FORMS = ("markdown", "latex", "csv")
CROSSED = 5  # the exit code


@dataclass(frozen=True)
class Answer:
    """Comparisons, what the conditions say about them, and the file of the baseline that was saved."""

    comparisons: Sequence[Comparison]
    outcomes: Sequence[Outcome] = ()
    saved: Path | None = None

    @property
    def exit_code(self) -> int:
        return CROSSED if any(one.status == "met" for one in self.outcomes) else 0

    def document(self) -> dict[str, Any]:
        from dataclasses import asdict

        from benchctl.reports.comparison import comparison_json

        told = {"conditions": [asdict(one) for one in self.outcomes], "saved": self.saved and str(self.saved)}
        return comparison_json(self.comparisons) | told

    def text(self, form: str | None = None, width: int | None = None) -> str:
        """The comparisons as text of that width, or as markdown, latex or csv; without a line end at their end."""
        from benchctl.reports import comparison

        if not form:
            return comparison.comparison_text(self.comparisons, width)
        return str(getattr(comparison, f"comparison_{form}")(self.comparisons)).removesuffix("\n")


@dataclass(frozen=True)
class CompareChoices:
    """Texts as they were given. runs: the base first. margins: `5%` of all metrics, `p99=1%` of one. fail_if: such as
    `p99 worse by 5%`. save: the name of a baseline that the candidate, or the only run, becomes.
    """

    runs: Sequence[str]
    metrics: Sequence[str] = ()
    margins: Sequence[str] = ()
    fail_if: Sequence[str] = ()
    save: str | None = None
    results: str | Path | None = None

    def answer(self) -> Answer:
        """Raises UsageError, RunNotFound, RunUnreadable; what makes no sense is said before anything is read."""
        from benchctl.reports.thresholds import condition, outcomes
        from benchctl.runs.baselines import check_name

        conditions, margins = [condition(text) for text in self.fail_if], shares(self.margins)
        if self.save is not None:
            check_name(self.save)
            if len(self.runs) > 2:
                raise UsageError("--save keeps one run; name one candidate")

        import benchctl
        from benchctl.analysis.subjects import Asked
        from benchctl.comparing import check_measured, comparisons, given

        store = benchctl.open_store(self.results)
        base, *candidates = [given(one, store) for one in self.runs]
        asked = Asked(self.metrics, margins.get(""), {name: share for name, share in margins.items() if name})
        if self._only_saves(base, candidates):
            check_measured(base)
        found = [] if self._only_saves(base, candidates) else comparisons(base, candidates, asked, store)
        answer = Answer(found, outcomes(conditions, found))
        if self.save is None or answer.exit_code:
            return answer
        return Answer(found, answer.outcomes, save(self.save, [base, *candidates][-1], self.results))

    def _only_saves(self, base: Given, candidates: Sequence[Given]) -> bool:
        """Whether a single run of one case is to become a baseline, and nothing is compared."""
        is_alone = not candidates and len(base.cases) < 2 and not self.fail_if
        return self.save is not None and is_alone


def save(name: str, found: Given, results: str | Path | None) -> Path:
    import benchctl
    from benchctl.runs import baselines

    return baselines.save(benchctl.open_store(results), name, found.chosen)


def check_form(form: str) -> None:
    """Raises UsageError unless it is empty, for text, or one of the forms."""
    if form and form not in FORMS:
        raise UsageError(f"there is no form {form!r}. Forms: {', '.join(FORMS)}.{did_you_mean(form, FORMS)}")


def shares(given: Sequence[str]) -> dict[str, float]:
    """By metric what makes no difference; that of all is under the empty name. Raises UsageError."""
    found: dict[str, float] = {}
    for text in given:
        name, _, share = text.rpartition("=")
        if name.strip() in found:
            raise UsageError(f"--margin: {name.strip() or 'all metrics'} can't have two; keep one")
        try:
            found[name.strip()] = parse_share(share)
        except ValueError as error:
            raise UsageError(f"--margin {error}; of one metric: --margin p99=1%") from error
    return found
