"""Masking secrets in texts, values and streams."""

from __future__ import annotations

import base64
import json
import random
import shlex
from urllib.parse import quote

import pytest

from benchctl.redact import Redactor

SECRET = "pass word'\"$1&é"


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        f"run {shlex.quote(SECRET)} now",
        json.dumps({"p": SECRET}),
        json.dumps({"p": SECRET}, ensure_ascii=False),
        json.dumps({"command": f"echo {shlex.quote(SECRET)}"}, ensure_ascii=False).replace("\\u00e9", "é"),
        repr(["x", SECRET]),
        f"https://host/?p={quote(SECRET, safe='')}",
        f"basic {base64.b64encode(SECRET.encode()).decode()}",
    ],
)
def test_a_secret_is_masked_as_the_usual_notations_write_it(written: str) -> None:
    masked = Redactor([SECRET]).text(written)
    assert "***" in masked
    assert "word" not in masked
    assert "cGFzcyB3" not in masked


def test_values_are_masked_in_depth_and_keep_their_shape() -> None:
    value = {"secret": ["a secret b", 1, None, {"k": ("secret",)}], "n": 1.5}
    assert Redactor(["secret"]).value(value) == {"secret": ["a *** b", 1, None, {"k": ["***"]}], "n": 1.5}


def test_what_stands_under_a_plain_key_is_no_secret() -> None:
    value = {"status": "secret", "error": {"status": "secret", "text": "secret"}}
    assert Redactor(["secret"]).value(value, {"status"}) == {
        "status": "secret",
        "error": {"status": "secret", "text": "***"},
    }


def test_what_is_to_be_kept_is_no_secret_but_a_secret_that_holds_it_is_one() -> None:
    redactor = Redactor(["word", "x<word>"], keep="<.*?>")
    assert redactor.text("word <word> x<word>") == "*** <word> ***"


def test_without_secrets_values_pass_as_they_are() -> None:
    redactor = Redactor(["abc"])  # too short to be told from other text
    value = {"a": ("abc",)}
    assert redactor.is_idle
    assert redactor.value(value) is value
    assert redactor.stream().feed(b"abc") == b"abc"


def test_the_longest_secret_wins() -> None:
    assert Redactor(["pass", "password123"]).text("password123 pass") == "*** ***"


def fed(secrets: list[str], *pieces: bytes) -> bytes:
    stream = Redactor(secrets).stream()
    return b"".join([*map(stream.feed, pieces), stream.rest()])


def test_a_secret_split_over_pieces_is_masked() -> None:
    assert fed(["canary-1"], b"x can", b"ary", b"-", b"1 y") == b"x *** y"


def test_a_piece_that_only_looks_like_a_beginning_comes_out_whole() -> None:
    assert fed(["canary-1"], b"can", b"did") == b"candid"


def test_a_stream_that_ends_in_the_middle_gives_what_it_held() -> None:
    assert fed(["canary-1"], b"x canary") == b"x canary"


def test_a_secret_that_begins_a_longer_one_leaks_no_part_of_it() -> None:
    assert fed(["pass", "password123"], b"x pass", b"word123 y") == b"x *** y"
    assert fed(["pass", "password123"], b"x pass") == b"x ***"


def test_a_secret_whose_end_may_begin_another_is_masked() -> None:
    assert fed(["abcd", "dxyz"], b"abcd", b"!") == b"***!"
    assert fed(["abcd", "dxyz"], b"abcd") == b"***"


def test_other_bytes_pass_unchanged_at_any_split() -> None:
    content = bytes(range(256)) * 20
    for size in (1, 2, 7, 64):
        assert fed(["canary-1"], *(content[i : i + size] for i in range(0, len(content), size))) == content


def test_no_split_of_a_stream_lets_a_secret_through() -> None:
    """Compared with masking the whole at once, for secrets that do not overlap in it."""
    chance = random.Random(7)
    secrets = ["canary-1", "canary-22", "aXbXcX"]
    text = " ".join(chance.choice([*secrets, "can", "canary-", "aXb", "plain"]) for _ in range(300))
    whole = Redactor(secrets).text(text).encode()
    for _ in range(200):
        cuts = sorted(chance.sample(range(len(text)), 40))
        pieces = [text[a:b].encode() for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        assert fed(secrets, *pieces) == whole
