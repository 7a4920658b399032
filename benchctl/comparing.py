"""Runs, cases and baselines named by a caller, and each comparison of two of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchctl.analysis import wording
from benchctl.analysis.compare import compare
from benchctl.analysis.detectable import with_detectable
from benchctl.analysis.findings import Comparison, Difference, Row
from benchctl.analysis.subjects import Asked, Part, design, is_mixed, is_same_run, metric_names, subject_of
from benchctl.errors import RunNotFound, RunUnreadable, UsageError
from benchctl.reports.differences import case_differences, differences
from benchctl.reports.text import count
from benchctl.runs import baselines, calibrations
from benchctl.runs.calibrations import Calibration, identities
from benchctl.runs.loading import load
from benchctl.runs.record import RunRecord
from benchctl.runs.repetition import Repetition
from benchctl.runs.store import Store
from benchctl.template import did_you_mean


@dataclass(frozen=True)
class Given:
    """A run as it was named: all of its trials, and the case that was named with it. label: what it is called."""

    run: RunRecord
    case: str | None
    label: str

    @property
    def cases(self) -> list[str | None]:
        """The case that was named, else all that have trials, in the order of the config."""
        if self.case is not None:
            return [self.case]
        there = dict.fromkeys(trial.case for trial in self.run.trials if not trial.warmup)
        return [*(name for name in self.run.cases if name in there), *(n for n in there if n not in self.run.cases)]

    @property
    def chosen(self) -> RunRecord:
        """The run with the trials of its chosen cases alone."""
        return replace(self.run, trials=tuple(trial for trial in self.run.trials if trial.case in self.cases))

    def with_case(self, case: str | None) -> Given:
        return Given(self.run, case, f"{self.label.removesuffix(f':{self.case}')}:{case}")

    def part(self, case: str | None) -> Part:
        return Part(self.run, case, self.label)


def given(named: str | RunRecord, store: Store) -> Given:
    """Raises RunNotFound, RunUnreadable, and UsageError for a case that there is not or a run that still goes on."""
    if not isinstance(named, (str, RunRecord)):
        raise UsageError(f"a run is named by a text such as 'run-012', or is a record, not {named!r}")
    found = Given(named, None, named.id) if isinstance(named, RunRecord) else _named(named, store)
    known = replace(found, case=None).cases
    if found.case is not None and found.case not in known and found.case in found.run.cases:
        raise UsageError(f"case {found.case!r} of {found.run.id} has no trial; benchctl show tells why")
    if found.case is not None and found.case not in known:
        names = [name for name in known if name]
        there = f"Cases: {', '.join(names)}.{did_you_mean(found.case, names)}" if names else "It has no cases."
        raise UsageError(f"{found.run.id} has no case {found.case!r}. {there}".removesuffix("."))
    check_over(found.run)
    return found


def check_over(run: RunRecord) -> None:
    """Raises UsageError for a run that still goes on."""
    if run.status == "running":
        made, planned = len(run.trials), run.planned.get("trials") or 1
        raise UsageError(
            f"{run.id} still goes on, with trial {made} of {planned}; it can be compared once it is over",
            hint="looking until a verdict appears raises false alarms; benchctl show tells how far a run is",
        )


def _named(selector: str, store: Store) -> Given:
    """A run comes before a baseline, but none is called like one."""
    try:
        directory, case = store.select(selector)
    except RunNotFound as error:
        return _baseline(selector, store, error)
    run = load(directory)
    return Given(run, case, run.id if case is None else f"{run.id}:{case}")


def _baseline(selector: str, store: Store, missing: RunNotFound) -> Given:
    name, _, case = selector.partition(":")
    run = baselines.load(store, name)
    if run is None:
        there = list(baselines.names(store))
        told = f" Baselines: {', '.join(there)}.{did_you_mean(name, there)}".removesuffix(".") if there else ""
        raise RunNotFound(missing.message + told, hint=missing.hint) from missing
    return Given(run, case or None, f"{selector} ({run.id})")


def comparisons(base: Given, candidates: Sequence[Given], asked: Asked, store: Store) -> list[Comparison]:
    """Of the base with each candidate; without any, of its case (or first case) with each other case of its run.

    store: whose calibrations tell what can be told apart. Raises UsageError for what can't be compared.
    """
    pairs = [(base, candidate) for candidate in candidates] or _cases_of(base)
    for named in (pairs[0][0], *candidates):
        check_measured(named)
    names = metric_names([part for pair in pairs for one in pair for part in map(one.part, one.cases)], asked)
    return [_comparison(*pair, names, asked=asked, store=store) for pair in map(_told_apart, map(_same_case, pairs))]


def _cases_of(base: Given) -> list[tuple[Given, Given]]:
    names = replace(base, case=None).cases
    if len(names) < 2:
        hint = f"name what to compare it with: benchctl compare {base.label} RUN"
        raise UsageError(f"{base.run.id} has one case, and nothing to compare it with", hint=hint)
    first = base if base.case is not None else base.with_case(names[0])
    return [(first, base.with_case(name)) for name in names if name != first.case]


def check_measured(side: Given) -> None:
    """Raises UsageError for a side of which nothing could be told."""
    trials = [trial for case in side.cases for trial in side.part(case).trials]
    if not trials:
        raise UsageError(f"{side.label} has no trial that was measured to its end; benchctl show tells why")
    if not any(trial.metrics for trial in trials):
        hint = "its trials have no metrics in their records: declare some in the config, and run it again"
        raise UsageError(f"{side.label} has nothing to compare", hint=hint)


def _same_case(pair: tuple[Given, Given]) -> tuple[Given, Given]:
    """A case that was named with one of two runs is that of both, where both have it."""
    one, other = pair
    if one.case is not None and other.case is None and one.case in other.cases:
        return one, other.with_case(one.case)
    if other.case is not None and one.case is None and other.case in one.cases:
        return one.with_case(other.case), other
    return pair


def _told_apart(pair: tuple[Given, Given]) -> tuple[Given, Given]:
    """Two runs of one number, from two directories, are called by their paths."""
    base, candidate = pair
    if base.label != candidate.label or is_same_run(base.run, candidate.run):
        return pair
    base, candidate = (
        replace(one, label=f"{one.run.path}:{one.case}" if one.case else str(one.run.path)) for one in pair
    )
    return base, candidate


def _comparison(base: Given, candidate: Given, names: Sequence[str], *, asked: Asked, store: Store) -> Comparison:
    pairs, notes = _pairs(base, candidate)
    calibration, damage = _calibration(base.run, candidate.run, store)
    notes += damage
    notes += [note for one in (base, candidate) for note in _not_made(one.run)]
    rows: list[Row] = []
    is_paired, doubt = design(*pairs[0])
    for parts in pairs:
        found = _rows(parts, names, asked, is_paired=is_paired, is_named=len(pairs) > 1 or _is_told(base, candidate))
        rows += with_detectable(found, calibration, [part.case for part in parts]) if calibration else found
        notes += [note for part in parts for note in _about(part)]
    if not any(row.p_adjusted is not None or row.test is None for row in rows):
        notes.append("no metric is declared, so nothing gets a verdict: name those that matter with --metric")
    warnings = tuple(dict.fromkeys([doubt, *notes] if doubt else notes))
    return Comparison(base.label, candidate.label, is_paired, tuple(rows), warnings, differences=_differing(pairs))


def _is_told(base: Given, candidate: Given) -> bool:
    """Whether the one case of both is worth a column: it has a name, which the labels don't say."""
    return base.cases == candidate.cases != [None] and base.case is None and candidate.case is None


def _rows(
    parts: tuple[Part, Part], names: Sequence[str], asked: Asked, *, is_paired: bool, is_named: bool
) -> list[Row]:
    """Of one case, whose declared metrics are corrected together."""
    base, candidate = parts
    there = {name for part in parts for trial in part.trials for name in trial.metrics}
    found = [subject_of(name, base, candidate, asked) for name in names if name in there]
    subjects = [replace(subject, case=base.case if is_named else None) for subject, _ in found]
    try:
        compared = compare(
            subjects,
            base=base.label,
            candidate=candidate.label,
            is_paired=is_paired,
            is_mixed=is_mixed(base, candidate),
        )
    except ValueError as error:
        raise UsageError(str(error), hint="compare the others: --metric NAME") from error
    notes = [notes for _, notes in found]
    return [replace(row, warnings=(*row.warnings, *more)) for row, more in zip(compared.rows, notes, strict=True)]


def _pairs(base: Given, candidate: Given) -> tuple[list[tuple[Part, Part]], list[str]]:
    """Cases by name; the only case of one with the only case of the other, whatever they are called."""
    ours, theirs = base.cases, candidate.cases
    if is_same_run(base.run, candidate.run) and set(ours) & set(theirs):
        raise UsageError(f"{base.label} and {candidate.label} are the same trials; name two cases, or two runs")
    if len(ours) == len(theirs) == 1:
        is_odd = ours != theirs and base.case is None and candidate.case is None
        odd = [f"case {ours[0] or '(unnamed)'} is compared with case {theirs[0] or '(unnamed)'}: each run has no other"]
        return [(base.part(ours[0]), candidate.part(theirs[0]))], odd if is_odd else []
    common = [case for case in ours if case in theirs]
    if not common:
        told = " and ".join(f"{one.label} has {', '.join(map(str, one.cases))}" for one in (base, candidate))
        raise UsageError(f"no case of one is in the other: {told}", hint="two cases are compared as RUN:CASE RUN:CASE")
    return [(base.part(case), candidate.part(case)) for case in common], [*_alone(base, candidate, common)]


def _alone(base: Given, candidate: Given, common: Sequence[str | None]) -> Iterator[str]:
    """Cases that one run has alone, where nobody chose one."""
    for one, other in ((base, candidate), (candidate, base)):
        alone = [str(case) for case in one.cases if case not in common]
        if alone and other.case is None:
            yield f"{one.label} alone has {', '.join(alone)}, which {'is' if len(alone) == 1 else 'are'} not compared"


def _not_made(run: RunRecord) -> Iterator[str]:
    """That a run ended early: what it has is less than what was planned, and where it stops may be no chance."""
    planned = run.planned.get("trials")
    if isinstance(planned, int) and planned > len(run.trials):
        missing = count(planned - len(run.trials), "trial")
        yield f"{run.id} is {run.status}: {missing} of {planned} not made (benchctl resume {run.id})"


def _about(part: Part) -> Iterator[str]:
    """What its trials say against it."""
    own = [trial for trial in part.run.trials if trial.case == part.case and not trial.warmup]
    lost = Counter(trial.status for trial in own if not trial.counts)
    name = part.label if part.case is None or part.label.endswith(f":{part.case}") else f"{part.label}:{part.case}"
    if lost:
        told = ", ".join(f"{many} {status}" for status, many in lost.items())
        yield f"{name}: of {count(len(own), 'trial')}, {told} and left out"
    yield from _disturbed(name, part)
    yield from (wording.stopped_early(name, one.until) for one in part.run.repetition if _is_stopped(one, part))
    flagged = [trial for trial in part.trials if trial.flags]
    if flagged:
        told = f"{count(len(flagged), 'trial')} of {len(part.trials)}"
        yield f"{name}: {told} with a flag, such as: {flagged[0].flags[0]}"


def _is_stopped(known: Repetition, part: Part) -> bool:
    """Whether the case was measured until it was narrow, and not until its most trials or the end of its budget."""
    return known.case == part.case and known.ended == "precise"


def _disturbed(name: str, part: Part) -> Iterator[str]:
    """Which of its trials something else used the machine during."""
    trials = [trial for trial in part.trials if trial.disturbances]
    if trials:
        told = f"{len(trials)} of {count(len(part.trials), 'trial')} {'was' if len(trials) == 1 else 'were'} disturbed"
        yield f"{name}: {told}, such as {trials[0].name or 'the only one'} ({trials[0].disturbances[0]})"


def _calibration(base: RunRecord, candidate: RunRecord, store: Store) -> tuple[Calibration | None, list[str]]:
    """That of the benchmark on these hosts, where both runs are of them; and what is wrong with its file."""
    if base.benchmark != candidate.benchmark or identities(base.hosts) != identities(candidate.hosts):
        return None, []
    try:
        return calibrations.find(store, base), []
    except RunUnreadable as error:
        return None, [f"what benchctl calibrate kept can't be used: {error.message}"]


def _differing(pairs: Sequence[tuple[Part, Part]]) -> tuple[Difference, ...]:
    base, candidate = pairs[0]
    own = () if len(pairs) > 1 else case_differences(base.params, candidate.params)
    return own if is_same_run(base.run, candidate.run) else (*own, *differences(base.run, candidate.run))
