"""What a run would do, before it does it: `benchctl run --dry-run`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from benchctl.config.commandline import with_args
from benchctl.names import known_names
from benchctl.redact import Redactor
from benchctl.reports.text import clean, count, duration, pairs
from benchctl.template import fill, fill_known, names_in
from benchctl.units import format_duration

if TYPE_CHECKING:
    from benchctl.config.model import Case, HealthCheck, Output, Stage
    from benchctl.plan import Plan
    from benchctl.reports.estimate import DurationEstimate
    from benchctl.schedule import Schedule

CASES_LISTED = 50
CASES_SHOWN = 5  # whose commands are printed


def plan_text(plan: Plan, given: Collection[str] = (), estimate: DurationEstimate | None = None) -> str:
    """Hosts and trials, then each stage with its command, what it waits for and what it brings home.

    given: the names of the variables that the run is given. A stage that is another one in each case is shown for each.
    """
    document = plan_json(plan, given, estimate)
    of = count(len(document["stages"]), "stage")
    lines = [f"{clean(document['benchmark'])}: {len(plan.stages)} of {of}; nothing is run", ""]
    lines += [f"  host {clean(host['place'])}" for host in document["hosts"]]
    lines += _trials(plan, estimate)
    for number, stage in enumerate(document["stages"], start=1):
        for case, shown in _versions(document, stage):
            lines += ["", f"  {number}  {clean(stage['name'])}{_where(shown)}{clean(case)}"]
            lines += [f"  {line}" for line in pairs(_details(shown))]
    if len(plan.schedule.cases) > CASES_SHOWN:
        lines += ["", f"  the commands of {len(plan.schedule.cases) - CASES_SHOWN} more cases: --case NAME, or --json"]
    if names_in("\n".join(lines)):
        lines += ["", "  {{..}}: known once it runs"]
    return "\n".join(lines)


def plan_json(plan: Plan, given: Collection[str] = (), estimate: DurationEstimate | None = None) -> dict[str, Any]:
    """The same for programs: `{"schema": "benchctl/plan@1", ..}`.

    Names in the text are filled in; those that only a run knows, such as {{run.id}}, stay as they are. A given
    variable is null: its value is for the run alone. `stages` are as without cases, each of `cases` has its own.
    `trials` are those that are made in any case; with `until` there may be as many as `trials_max`.
    """
    benchmark, schedule, until = plan.benchmark, plan.schedule, plan.schedule.trials.until
    return {
        "schema": "benchctl/plan@1",
        "benchmark": benchmark.name,
        "config": str(benchmark.path),
        "hosts": [{"alias": alias, "place": host.place} for alias, host in plan.hosts.items()],
        "stages": [_stage_json(plan, stage, given) for stage in benchmark.stages],
        "cases": [_case_json(plan, case, given) for case in schedule.cases],
        "trials": [{"case": one.case_name, "trial": one.number, "warmup": one.is_warmup} for one in schedule.sure],
        "trials_max": len(schedule.order),
        "until": until and str(until.precision),
        "budget_s": until and until.budget_s,
        "order": schedule.trials.order,
        "seed": benchmark.trials.seed,
        "estimate": estimate
        and {"duration_s": estimate.duration_s, "most_s": estimate.most_s, "runs": list(estimate.runs)},
        "warnings": list(benchmark.warnings),
    }


def _trials(plan: Plan, estimate: DurationEstimate | None) -> list[str]:
    """How many there are of which cases, in which order, and how long they will take."""
    schedule = plan.schedule
    how_many = ": ".join(filter(None, (schedule_text(schedule), _how_many(plan))))
    lines = [] if schedule.is_single else ["", f"  {how_many}"]
    for case in schedule.cases[:CASES_LISTED]:
        params = " ".join(f"{name}={_word(value)}" for name, value in case.params.items())
        lines.append(f"    {clean(case.name)}  {clean(params)}".rstrip())
    if len(schedule.cases) > CASES_LISTED:
        lines.append(f"    and {len(schedule.cases) - CASES_LISTED} more")
    if estimate:
        most = f" to {duration(estimate.most_s)}" if estimate.most_s is not None else ""
        lines += ["", f"  about {duration(estimate.duration_s)}{most}, judged by {', '.join(estimate.runs)}"]
    return lines


def schedule_text(schedule: Schedule) -> str:
    """`20 trials`, or `10 to 100 trials` where a metric decides."""
    sure, most = len(schedule.sure), len(schedule.order)
    return count(most, "trial") if sure == most else f"{sure} to {count(most, 'trial')}"


def _how_many(plan: Plan) -> str:
    trials, cases, until = plan.schedule.trials, len(plan.schedule.cases), plan.schedule.trials.until
    often = f"{until.min} to {until.max} of each until {until.precision}" if until else f"{trials.repeat} of each"
    parts = [f"{count(cases, 'case')}, {often}"] if cases else [f"until {until.precision}"] if until else []
    parts += [f"in {format_duration(until.budget_s)} at most"] if until and until.budget_s else []
    parts += [f"after {count(trials.warmup, 'warm-up')}{' of each' * bool(cases)}"] if trials.warmup else []
    seed = "the seed is drawn at the start" if plan.benchmark.trials.seed is None else f"seed {trials.seed}"
    how = {
        "interleaved": f"round by round, in each of which the cases come in a random order ({seed})",
        "random": f"in a random order ({seed})",
        "sequential": "case by case",
    }
    return ", ".join([*parts, how[trials.order]] if cases > 1 else parts)


def _versions(document: Mapping[str, Any], stage: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A stage once when it is the same in all cases that are shown, else once for each, with words that say so."""
    cases = document["cases"][:CASES_SHOWN]
    of_cases = [(case["name"], one) for case in cases for one in case["stages"] if one["name"] == stage["name"]]
    names = [name for name, _ in of_cases]
    if not of_cases:
        yield "", stage
    elif all(one == of_cases[0][1] for _, one in of_cases):
        yield f" (in {', '.join(names)})" if len(names) < len(cases) else "", of_cases[0][1]
    else:
        yield from ((f" (in {name})", one) for name, one in of_cases)


def _case_json(plan: Plan, case: Case, given: Collection[str]) -> dict[str, Any]:
    stages = [_stage_json(plan, stage, given, case) for stage in plan.stages_of(case)]
    return {"name": case.name, "params": dict(case.params), "stages": stages}


def _stage_json(plan: Plan, stage: Stage, given: Collection[str], case: Case | None = None) -> dict[str, Any]:
    head = {"name": stage.name, "hosts": list(stage.hosts), "kind": stage.kind, "skipped": plan.skipped.get(stage.name)}
    if stage.name in plan.skipped:
        return head
    names, mask = known_names(plan.benchmark), Redactor(plan.benchmark.secrets).text
    if case:
        names |= {"case": case.name, **{f"params.{name}": value for name, value in case.params.items()}}
    if len(stage.hosts) == 1:
        names["stage.host"] = stage.hosts[0]

    def filled(text: str) -> str:
        return mask(fill_known(text, names))

    return head | {
        stage.kind: mask(_what(stage, names)),
        "env": {name: filled(value) for name, value in stage.env.items()}
        | ({} if stage.copy else dict.fromkeys(given)),
        "cwd": filled(stage.cwd) if stage.cwd else None,
        "timeout_s": stage.timeout_s,
        "background": stage.background,
        "may_exit": stage.may_exit,
        "retries": stage.retries,
        "backoff_s": stage.backoff_s,
        "always": stage.always,
        "continue_on_error": stage.continue_on_error,
        "scope": stage.scope,
        "health_check": _check_json(stage.health_check, filled) if stage.health_check else None,
        "outputs": [
            {
                "name": output.name,
                "remote_path": filled(output.remote_path),
                "kept_as": filled("{{stage.host}}/" if stage.is_spread else "") + _kept_as(output, filled),
                "copied_to": filled(output.local_path) if output.local_path and output.is_copied else None,
                "collect": output.collect,
                "optional": output.optional,
            }
            for output in stage.outputs
        ],
    }


def _what(stage: Stage, names: Mapping[str, str]) -> str:
    """The command as the shell gets it; a script or a task with its arguments; a copy's two ends."""
    if stage.copy:
        copy = stage.copy
        ends = f"{copy.from_host}:{copy.from_path} -> {copy.to_host}:{copy.to_path}"
        return fill_known(ends, names)
    first = stage.command or stage.script or stage.task or ""
    return with_args(fill_known(first, names), (_word(fill_known(arg, names)) for arg in stage.args))


def _word(text: str) -> str:
    """The text quoted for a shell where that is needed; names that are left do not count."""
    likely = fill(text, {name.name: "x" for name in names_in(text)})
    return text if shlex.quote(likely) == likely else shlex.quote(text)


def _check_json(check: HealthCheck, filled: Callable[[str], str]) -> dict[str, Any]:
    return {
        "type": check.type,
        "target": filled(check.target),
        "timeout_s": check.timeout_s,
        "retries": check.retries,
    }


def _where(stage: Mapping[str, Any]) -> str:
    if stage["skipped"]:
        return f": skipped ({stage['skipped']})"
    return "" if stage["kind"] == "copy" else f" on {clean(', '.join(stage['hosts']))}"


def _details(stage: Mapping[str, Any]) -> list[tuple[str, str]]:
    if stage["skipped"]:
        return []
    return [
        (stage["kind"], _block(stage[stage["kind"]])),
        ("env", "\n".join(_variable(name, value) for name, value in stage["env"].items())),
        ("cwd", clean(stage["cwd"] or "")),
        ("timeout", format_duration(stage["timeout_s"]) if stage["timeout_s"] else ""),
        ("goes on", "in the background" if stage["background"] else ""),
        ("may exit", "its end in the background is no failure" if stage["may_exit"] else ""),
        ("retries", _retries(stage) if stage["retries"] else ""),
        ("runs", "at the end, whatever happened" if stage["always"] else ""),
        ("on error", "the trial goes on" if stage["continue_on_error"] else ""),
        ("scope", "the run: once, around all trials" if stage["scope"] == "run" else ""),
        ("ready", _ready(stage["health_check"]) if stage["health_check"] else ""),
        ("outputs", "\n".join(_output(output) for output in stage["outputs"])),
    ]


def _variable(name: str, value: str | None) -> str:
    return clean(f"{name}: as given" if value is None else f"{name}={_word(value)}")


def _block(text: str) -> str:
    return "\n".join(clean(line) for line in text.rstrip("\n").split("\n"))


def _retries(stage: Mapping[str, Any]) -> str:
    doubled = ", then twice as long each time" if stage["retries"] > 1 else ""
    return f"{stage['retries']}, after {format_duration(stage['backoff_s'])}{doubled}"


def _ready(check: Mapping[str, Any]) -> str:
    again = f", {check['retries'] + 1} times" if check["retries"] else ""
    return clean(f"{check['type']} {check['target']}, within {format_duration(check['timeout_s'])}{again}")


def _kept_as(output: Output, filled: Callable[[str], str]) -> str:
    if output.local_path or output.is_pattern:
        return filled(output.kept_as)
    return PurePosixPath(filled(output.remote_path)).name


def _output(output: Mapping[str, Any]) -> str:
    copy = f", and a copy to {output['copied_to']}" if output["copied_to"] else ""
    notes = ["optional"] if output["optional"] else []
    notes += ["right after its stage"] if output["collect"] == "now" else []
    noted = f" ({', '.join(notes)})" if notes else ""
    return clean(f"{output['name']}: {output['remote_path']} -> {output['kept_as']}{copy}{noted}")
