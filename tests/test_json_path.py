"""The way to one value in a JSON document."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import few

from benchctl.json_path import NoSuchValue, find, parse, path_text

REPORT: dict[str, Any] = {
    "jobs": [{"read": {"iops": 12.5, "percentile": {"99.000000": 17}}}, {"read": {"iops": 3}}],
    "it's": {"a b": 1, "": 2},
    "empty": {},
    "text": "x" * 50,
    "none": None,
    "wide": {f"key{n}": n for n in range(12)},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", REPORT),
        ("$.jobs[0].read.iops", 12.5),
        ("$.jobs[-1].read.iops", 3),
        ('$.jobs[0].read.percentile["99.000000"]', 17),
        ("$.jobs[ 0 ]['read'].percentile['99.000000']", 17),
        ('$["it\'s"]["a b"]', 1),
        ('$["it\\u0027s"][""]', 2),
    ],
)
def test_a_path_leads_to_its_value(path: str, value: Any) -> None:
    assert find(REPORT, parse(path)) == value


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("$.jobs[2].read", "$.jobs has 2 entries, and no [2]"),
        ("$.jobs[-3]", "$.jobs has 2 entries, and no [-3]"),
        ("$.jobs.read", "$.jobs is a list, so there is no .read in it"),
        ("$.jobs[0].raed.iops", "$.jobs[0] has no key 'raed'. Keys: read. Did you mean 'read'?"),
        ("$.jobs[0].read[0]", "$.jobs[0].read is an object, so there is no [0] in it"),
        ("$.jobs[0].read.iops.mean", "$.jobs[0].read.iops is 12.5, so there is no .mean in it"),
        ("$.empty.x", "$.empty has no key 'x'. It is empty"),
        ("$.text.x", f"$.text is the text '{'x' * 40}...', so there is no .x in it"),
        ("$.none.x", "$.none is null, so there is no .x in it"),
        ("$.wide.q", f"$.wide has no key 'q'. Keys: {', '.join(f'key{n}' for n in range(10))} and 2 more"),
        ('$["it\'s"].x', "$[\"it's\"] has no key 'x'. Keys: a b, "),
    ],
)
def test_a_path_that_ends_early_says_where_and_what_is_there(path: str, sentence: str) -> None:
    with pytest.raises(NoSuchValue) as caught:
        find(REPORT, parse(path))
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("jobs", "must begin with $, the whole document, as in $.jobs[0].read.iops"),
        ("$jobs", "can't be read from 'jobs' on; steps are .name, [0] and [\"key with dots\"]"),
        ("$.jobs[x]", "can't be read from '[x]' on; steps are .name, [0] and [\"key with dots\"]"),
        ("$..jobs", "can't be read from '..jobs' on; steps are .name, [0] and [\"key with dots\"]"),
        ("$.jobs[*]", "can't be read from '[*]' on; steps are .name, [0] and [\"key with dots\"]"),
        ('$["a\\x"]', '"a\\x" is no text in JSON\'s quotes'),
    ],
)
def test_a_path_that_is_none_is_refused_with_its_place(path: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        parse(path)
    assert str(caught.value) == sentence


steps = st.lists(st.one_of(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.integers(-99, 99)))


@few
@given(steps.map(tuple))
def test_a_path_that_is_written_is_read_again(path: tuple[str | int, ...]) -> None:
    assert parse(path_text(path)) == path
