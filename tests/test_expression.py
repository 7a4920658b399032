"""Arithmetic over metrics: what it comes to, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import few

from benchctl.expression import NoResult, NotArithmetic, Operation, evaluate, names_in, parse

VALUES = {"tps": 1200.0, "p99": 4.0, "zero": 0.0, "lambda": 2.0, "load.duration": 10.0, "start-db.ready": 3.0}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("tps / p99", 300.0),
        ("-tps + 2 * (p99 - 1)", -1194.0),
        ("tps - p99 - 1", 1195.0),
        ("tps / p99 / 3", 100.0),
        ("+p99*.5e1", 20.0),
        ("tps / load.duration", 120.0),
        ('"start-db.ready" + 1', 4.0),
        ("lambda * 2", 4.0),
        ("min(tps, p99, 7)", 4.0),
        ("max(tps, p99)", 1200.0),
        ("sqrt(p99) + abs(-1) + log2(8) + log10(100) + exp(0) + log(1)", 9.0),
        ("42", 42.0),
    ],
)
def test_an_expression_is_worked_out_as_in_mathematics(text: str, value: float) -> None:
    assert evaluate(parse(text), VALUES) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tps / zero", "tps / zero divides by zero"),
        ("1 + tps / (p99 - 4)", "tps / (p99 - 4) divides by zero"),
        ("log(zero)", "log(zero) is not defined for 0"),
        ("sqrt(-p99)", "sqrt(-p99) is not defined for -4"),
        ("exp(tps)", "exp(tps) is too large"),
        ("1e300 * 1e300", "1e300 * 1e300 is too large"),
    ],
)
def test_what_has_no_value_says_why(text: str, sentence: str) -> None:
    with pytest.raises(NoResult) as caught:
        evaluate(parse(text), VALUES)
    assert str(caught.value) == sentence


MAY_HOLD = "it may hold names, numbers, + - * / ( ) and ,"
FUNCTIONS = "Functions: min, max, abs, exp, log, log2, log10, sqrt."


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty; write one such as tps / p99"),
        ("a b", "can't be read as arithmetic; look at 'b'"),
        ("a +", "can't be read as arithmetic; something is missing at its end"),
        ("a ** b", "'a ** b' is no arithmetic; there are names, numbers, + - * / and functions"),
        ("a // b", "'a // b' is no arithmetic; there are names, numbers, + - * / and functions"),
        ("(a", "can't be read as arithmetic; look at '(a'"),
        ("a < b", f"can't be read from '< b' on; {MAY_HOLD}"),
        ("a and 1if", f"can't be read from '1if' on; {MAY_HOLD}"),
        ("[x for x in y]", f"can't be read from '[x for x in y]' on; {MAY_HOLD}"),
        ("'a'", f"can't be read from \"'a'\" on; {MAY_HOLD}"),
        ("a, b", "'a, b' is no arithmetic; there are names, numbers, + - * / and functions"),
        ("sqroot(a)", f"there is no function 'sqroot'. {FUNCTIONS} Did you mean 'sqrt'?"),
        ("os.system(1)", f"there is no function 'os.system'. {FUNCTIONS}"),
        ("sqrt(a, b)", "sqrt takes one number, not 2"),
        ("max(a)", "max takes two numbers or more, not 1"),
        ("1e999", "1e999 is too large a number"),
        ("+".join(["a"] * 200), "has 399 parts; at most 200 are taken"),
    ],
)
def test_what_is_no_arithmetic_is_refused_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(NotArithmetic) as caught:
        parse(text)
    assert str(caught.value) == sentence


def test_nesting_as_deep_as_the_limit_allows_is_read_or_refused_in_words() -> None:
    assert evaluate(parse("-" * 198 + "1"), {}) == 1.0
    assert evaluate(parse("(" * 99 + "1" + ")" * 99), {}) == 1.0
    assert evaluate(parse("+".join(["a"] * 100)), {"a": 1.0}) == 100.0


def test_names_are_told_once_each_in_their_order() -> None:
    assert names_in(parse('b / a + b + "x y.ready" + max(c.d, 1)')) == ["b", "a", "x y.ready", "c.d"]


def test_the_tree_keeps_what_the_user_wrote() -> None:
    tree = parse("max( tps,2 ) /p99")
    assert isinstance(tree, Operation)
    assert tree.text == "max( tps,2 ) /p99"


numbers = st.floats(0.001, 1000).map(lambda value: f"{value:.6g}")
leaves = st.one_of(numbers, st.sampled_from(["a", "b"]))


def expressions(depth: int) -> st.SearchStrategy[str]:
    if not depth:
        return leaves
    inner = expressions(depth - 1)
    return st.one_of(
        leaves,
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(" ".join),
        inner.map("({})".format),
        inner.map("-{}".format),
        st.tuples(inner, inner).map(lambda pair: f"min({pair[0]}, {pair[1]})"),
    )


@few
@given(expressions(4))
def test_every_expression_comes_to_what_python_makes_of_it(text: str) -> None:
    values = {"a": 3.0, "b": -0.25}
    try:
        expected = eval(text, {"min": min}, values)
    except ZeroDivisionError:
        with pytest.raises(NoResult):
            evaluate(parse(text), values)
        return
    if math.isfinite(expected):
        assert evaluate(parse(text), values) == expected
