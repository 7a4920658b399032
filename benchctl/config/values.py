"""What a single value of the config must be.

Each check takes the value as it was written, text for every scalar, and returns it converted; it raises
voluptuous' Invalid with a sentence, whose subject is the key when it begins with a verb.
"""

from __future__ import annotations

import ipaddress
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from voluptuous import Invalid, MultipleInvalid

from benchctl.config.document import shown
from benchctl.config.model import Secret
from benchctl.config.picture import NAMED_IN, parse_length
from benchctl.config.precision import Precision
from benchctl.config.precision import parse as parse_precision
from benchctl.expression import Expression, NotArithmetic
from benchctl.expression import parse as parse_expression
from benchctl.json_path import Path as JsonPath
from benchctl.json_path import parse as parse_json_path
from benchctl.template import did_you_mean
from benchctl.units import check_timestamp_unit, parse_duration, parse_share

Check = Callable[[Any], Any]


def text(value: Any) -> str:
    """Some text on one line."""
    if value is None:
        raise Invalid("has no value; give it one or remove the key")
    found = any_text(value)
    if not found.strip():
        raise Invalid("is empty; give it a value or remove the key")
    if "\n" in found or "\r" in found:
        raise Invalid("must be on one line")
    return found


def secret(value: Any) -> Secret:
    return Secret(text(value))


def any_text(value: Any) -> str:
    """A text that may have many lines, or be empty."""
    if value is None:
        raise Invalid('has no value; give one, or "" for an empty text')
    if isinstance(value, str):
        return value
    raise Invalid(f"must be a single text, not {kind_of(value)}")


def command(value: Any) -> str:
    """A text that may have many lines, and has something on them."""
    if value is None:
        raise Invalid("has no value; give it one")
    found = any_text(value)
    if not found.strip():
        raise Invalid("is empty; give it a value")
    return found


def integer(lowest: int, highest: int) -> Check:
    def check(value: Any) -> int:
        found = text(value)
        if re.fullmatch("0|[1-9][0-9]{0,17}", found) and lowest <= int(found) <= highest:
            return int(found)
        raise Invalid(f"must be a whole number from {lowest} to {highest}, not {shown(found)}")

    return check


def boolean(value: Any) -> bool:
    found = text(value).lower()
    if found in ("true", "yes", "on", "false", "no", "off"):
        return found in ("true", "yes", "on")
    raise Invalid(f"must be true or false, not {shown(text(value))}")


def delimiter(value: Any) -> str:
    """What stands between the cells of a CSV file: one character, or `tab`."""
    found = any_text(value)
    if found in ("tab", "\\t"):
        return "\t"
    if len(found) == 1 and found.isascii() and not found.isalnum() and found not in "\"'\r\n\0+-.":
        return found
    raise Invalid(f'must be one character such as ",", ";" or "|", or tab, not {shown(found)}')


def duration(value: Any) -> float:
    """Seconds, more than none."""
    try:
        found = parse_duration(text(value))
    except ValueError as error:
        raise Invalid(str(error)) from error
    if not found:
        raise Invalid("must be longer than 0s")
    return found


def share(value: Any) -> float:
    """`3%` as 0.03."""
    try:
        return parse_share(text(value))
    except ValueError as error:
        raise Invalid(str(error)) from error


def duration_or_none(value: Any) -> float | None:
    return None if text(value) == "none" else duration(value)


def duration_or_auto(value: Any) -> float | None:
    return None if text(value) == "auto" else duration(value)


def width(value: Any) -> float:
    """Inches."""
    found = text(value)
    if found in NAMED_IN:
        return NAMED_IN[found]
    if re.fullmatch("[a-zA-Z]+", found):
        hint = did_you_mean(found, NAMED_IN)
        raise Invalid(f"must be a length such as 3.5in, column or page, not {shown(found)}.{hint}".removesuffix("."))
    return height(found)


def height(value: Any) -> float:
    """Inches."""
    try:
        return parse_length(text(value))
    except ValueError as error:
        raise Invalid(str(error)) from error


def one_of(*choices: str) -> Check:
    def check(value: Any) -> str:
        found = text(value)
        if found in choices:
            return found
        raise Invalid(f"must be {_either(choices)}, not {shown(found)}.{did_you_mean(found, choices)}".rstrip("."))

    return check


def list_of(check: Check) -> Check:
    """A list, or a single value where a list of one is meant."""

    def check_all(value: Any) -> tuple[Any, ...]:
        if isinstance(value, dict):
            raise Invalid("must be a list or a single text, not a mapping")
        return tuple(_checked_one_by_one(check, value)) if isinstance(value, list) else (check(value),)

    return check_all


def _checked_one_by_one(check: Check, values: list[Any]) -> list[Any]:
    found, errors = [], []
    for number, value in enumerate(values):
        try:
            found.append(check(value))
        except Invalid as error:
            errors.append(Invalid(error.error_message, [number]))
    if errors:
        raise MultipleInvalid(errors)
    return found


def listing(value: Any) -> list[Any]:
    if value is None or isinstance(value, list):
        return value or []
    raise Invalid(f"must be a list, each item after '- ', not {kind_of(value)}")


def mapping(value: Any) -> dict[str, Any]:
    if value is None or isinstance(value, dict):
        return value or {}
    raise Invalid(f"must be a mapping of keys and values, not {kind_of(value)}")


def as_is(value: Any) -> Any:
    return value


def timestamp_unit(value: str) -> str:
    try:
        return check_timestamp_unit(value)
    except ValueError as error:
        raise Invalid(str(error)) from error


def address(value: Any) -> str:
    """An IP address or host name, without user or port."""
    found = text(value)
    if "@" in found:
        raise Invalid(f"{shown(found)} holds a user; write the user as username: and only the address here")
    if re.fullmatch(r"[^:\[\]]+:[0-9]+", found):
        raise Invalid(f"{shown(found)} holds a port; write the port as port: and only the address here")
    if not (_is_ipv6(found) if ":" in found else re.fullmatch(r"\w[\w.-]*", found)):
        raise Invalid(f"{shown(found)} is not an IP address or host name, such as 10.0.0.5 or db.example.org")
    return found


def _is_ipv6(text: str) -> bool:
    """Whether it is one, by itself or with a zone such as fe80::1%eth0."""
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return re.fullmatch(r"[\w.:%-]+", text) is not None


def host_key(value: Any) -> str:
    found = text(value)
    if re.fullmatch("SHA256:[A-Za-z0-9+/]{43}=?", found):
        return found
    if found.startswith("SHA256:"):
        raise Invalid("must be SHA256: and 43 characters, as `ssh-keygen -lf` prints a fingerprint")
    choices = ("accept-new", "strict", "off")
    if found in choices:
        return found
    hint = did_you_mean(found, choices)
    raise Invalid(f"must be accept-new, strict, off or a fingerprint SHA256:..., not {shown(found)}.{hint}".rstrip("."))


def _matching(pattern: str, sentence: str) -> Check:
    def check(value: Any) -> str:
        found = text(value)
        if not re.fullmatch(pattern, found):
            raise Invalid(sentence.format(shown(found)))
        return found

    return check


user_name = _matching(r"[^\s:/-][^\s:/]*", "{} is not a user name; it has no spaces, ':' or '/'")
case_name = _matching(
    r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,98}[A-Za-z0-9_-])?",
    "{} can't name a case, whose directory is called after it; use up to 100 letters, digits, - _ and ., beginning "
    "with a letter or digit",
)
task_name = _matching(r"[A-Za-z_][\w.-]*", "{} is not the name of an Invoke task, such as build or db.reset")


metric_name = _matching(
    "[A-Za-z_][A-Za-z0-9_]{0,99}",
    "{} is not a metric's name; use up to 100 letters, digits and _, beginning with a letter, as in p99_read",
)

AGGREGATES = ("avg", "median", "min", "max", "sum", "count", "rate", "std")


def aggregate(value: Any) -> str:
    """How many numbers become one: one of `AGGREGATES`, or a percentile such as p99.9."""
    found = text(value)
    if re.fullmatch(r"p[0-9]{1,2}(\.[0-9]{1,6})?", found) and float(found[1:]) > 0:
        return found
    if found not in AGGREGATES:
        hint = did_you_mean(found, (*AGGREGATES, "p50", "p90", "p95", "p99"))
        choices = f"{', '.join(AGGREGATES)} or a percentile above p0 and below p100, such as p99.9"
        raise Invalid(f"must be {choices}, not {shown(found)}.{hint}".removesuffix("."))
    return found


def json_path(value: Any) -> JsonPath:
    try:
        return parse_json_path(text(value))
    except ValueError as error:
        raise Invalid(str(error)) from error


def expression(value: Any) -> Expression:
    try:
        return parse_expression(text(value))
    except NotArithmetic as error:
        raise Invalid(str(error)) from error


def precision(value: Any) -> Precision:
    """`p99 +-5%`."""
    try:
        return parse_precision(text(value))
    except ValueError as error:
        raise Invalid(str(error)) from error


def number_pattern(value: Any) -> str:
    """A regular expression with one group, around a number."""
    found = text(value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what a later Python may read in another way
            groups = re.compile(found).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise Invalid(f"is not a regular expression: {error}") from error
    if groups != 1:
        cure = "write the others as (?:...)" if groups else "put the number in ( and )"
        raise Invalid(f"must have one group, around the number, and has {groups or 'none'}; {cure}")
    return found


def kind_of(value: Any) -> str:
    if value is None:
        return "nothing"
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else shown(str(value))


def _either(choices: Iterable[str]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last


def not_over_ssh(_: Any) -> Any:
    raise Invalid("means nothing for local, which is this machine and not reached over SSH; only address does")
