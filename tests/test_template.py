"""Names in texts, and near misses."""

from __future__ import annotations

import pytest

from benchctl.template import Name, closest, did_you_mean, fill, flaws_in, names_in


def test_names_are_found_with_their_filter_and_place() -> None:
    text = "a {{hosts.db-1}} {{ vars.x | quote }} {{case}}"
    assert names_in(text) == [Name("hosts.db-1", "", 2), Name("vars.x", "quote", 17), Name("case", "", 38)]


@pytest.mark.parametrize(
    "text",
    [
        "docker ps --format '{{.Names}}'",
        "echo ${#a} ${a:-b} $a {a,b} {{ }} {{}}",
        "{{range .Items}}{{.metadata.name}}{{end}}",
        "{{ run something }} {{name}} {{other.db}} {hosts.db}",
        "awk '{{print $1}}'",
        "{{cases}} {{host}}",
        "{{#hosts}}{{/hosts}}",
    ],
)
def test_other_text_passes_through_untouched(text: str) -> None:
    assert names_in(text) == []
    assert flaws_in(text) == []
    assert fill(text, {}) == text


def test_names_are_filled_in_once_and_quoted_on_request() -> None:
    values = {"vars.x": "it's {{case}}", "case": "wal"}
    assert fill("{{vars.x}} {{ vars.x|quote }} {{{case}}}", values) == "it's {{case}} 'it'\"'\"'s {{case}}' {wal}"


def test_name_without_a_value_is_never_filled_with_nothing() -> None:
    with pytest.raises(LookupError) as error:
        fill("rm -rf /{{vars.dir}}/*", {"case": "", "vars.d": ""})
    assert error.value.args == ("{{vars.dir}} has no value here. Names: case, vars.d",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{{hosts.db | quot}}", "{{hosts.db | quot}} has an unknown filter 'quot'; the only one is 'quote'"),
        ("{{hosts..db}}", "{{hosts..db}} is not a name; write it as {{hosts.db}} or {{hosts.db | quote}}"),
        ("a {{vars.d", "'{{vars.d' opens {{ without closing it by }}"),
        ("{{vars.d} x", "'{{vars.d}' opens {{ without closing it by }}"),
        ("{{host.db}}", "{{host.db}} is not a name of ours. Did you mean {{hosts.db}}?"),
        ("{{var.x}}", "{{var.x}} is not a name of ours. Did you mean {{vars.x}}?"),
        ("{{Vars.x | quote}}", "{{Vars.x | quote}} is not a name of ours. Did you mean {{vars.x}}?"),
    ],
)
def test_broken_name_is_explained(text: str, sentence: str) -> None:
    assert [flaw.sentence for flaw in flaws_in(text)] == [sentence]


@pytest.mark.parametrize(
    ("word", "choices", "meant"),
    [
        ("dv", ["db", "local"], "db"),
        ("heath_check", ["health_check", "host"], "health_check"),
        ("DB", ["db"], "db"),
        ("remote-path", ["remote_path"], "remote_path"),
        ("hots", ["host", "hosts"], "host"),
        ("int", ["integer", "float"], "integer"),
        ("tcp", ["port", "http"], None),
        ("x", ["y"], None),
        ("", ["db"], None),
        ("a" * 100, ["a" * 99], None),
    ],
)
def test_only_a_strong_match_is_suggested(word: str, choices: list[str], meant: str | None) -> None:
    assert closest(word, choices) == meant


def test_suggestion_is_a_sentence_or_nothing() -> None:
    assert did_you_mean("dv", ["db"]) == " Did you mean 'db'?"
    assert did_you_mean("dv", ["app"]) == ""
