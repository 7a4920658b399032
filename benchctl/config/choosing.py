"""The cases in which a stage is done: what its `only` and `when` name must be there."""

from __future__ import annotations

from benchctl.config.cases import of_stage
from benchctl.config.document import shown
from benchctl.config.findings import References, listed
from benchctl.config.items import Item


def check_choice(references: References, stage: Item) -> None:
    """What `only` and `when` name is there, and they leave a case."""
    given = [key for key in ("only", "when") if key in stage]
    cases = references.draft.cases
    if not given or (not cases and references.has_broken_cases):
        return
    if not cases:
        references.problem(stage.at(given[0]), f"{given[0]} chooses among cases, and there are none")
    elif stage.get("scope") == "run":
        references.problem(stage.at(given[0]), f"the stage is done once, around all cases; remove {given[0]}")
    elif not [*_unknown_cases(references, stage), *_unknown_values(references, stage)] and not of_stage(stage, cases):
        references.problem(stage.at(given[-1]), "no case is left in which the stage is done")


def check_cases_have_stages(references: References) -> None:
    """A case in which nothing is done would be measured for nothing."""
    stages = [stage for stage in references.draft.stages if stage.get("scope") != "run"]
    cases = references.draft.cases
    choices = [of_stage(stage, cases) for stage in stages]
    if references.document.problems or None in choices:
        return
    idle = [case.name for case in cases if not any(case.name in names for names in choices if names)]
    if idle and stages:
        key = "cases" if references.draft.given_cases else "matrix"
        sentence = f"no stage is done in case {shown(idle[0])}; leave it out, or give it one by only or when"
        references.problem((key,), sentence)


def _unknown_cases(references: References, stage: Item) -> list[str]:
    names = [case.name for case in references.draft.cases]
    unknown = [name for name in stage.get("only", ()) if name not in names]
    for name in unknown:
        place = stage.at("only", stage["only"].index(name)) if len(stage["only"]) > 1 else stage.at("only")
        references.problem(place, f"no case is called {shown(name)}. {listed('Cases', names, name)}".removesuffix("."))
    return unknown


def _unknown_values(references: References, stage: Item) -> list[str]:
    """The parameters of `when` that no case has, or none with such a value."""
    cases, unknown = references.draft.cases, []
    names = list(dict.fromkeys(name for case in cases for name in case.params))
    for name, values in stage.get("when", {}).items():
        there = list(dict.fromkeys(case.params[name] for case in cases if name in case.params))
        if name not in names:
            sentence = f"no case has a parameter {shown(name)}. {listed('Parameters', names, name)}"
        elif wrong := [value for value in values if value not in there]:
            sentence = f"{shown(name)} is never {shown(wrong[0])}. {listed('Values', there, wrong[0])}"
        else:
            continue
        references.problem(stage.at("when", name), sentence.removesuffix("."))
        unknown.append(name)
    return unknown
