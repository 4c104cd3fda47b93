"""Objects and lists of a command line: JSON, the shorthand of ``az``, files."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azmqtt._cli import shorthand
from azmqtt._cli.common import UsageError


def an_object(*words: str, numbers: bool = True) -> Any:
    return shorthand.read("--attributes", list(words), "object", numbers=numbers)


def a_list(*words: str) -> Any:
    return shorthand.read("--topic-templates", list(words), "list")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"room": "345", "floor": 5}', {"room": "345", "floor": 5}),
        ("{'room':'345','floor':5}", {"room": "345", "floor": 5}),
        ("{room:'345',floor:-5}", {"room": "345", "floor": -5}),
        ("{ kinds : [ pump , 'big valve' ] }", {"kinds": ["pump", "big valve"]}),
        ("{a:b c,d:}".replace("d:", "d:e"), {"a": "b c", "d": "e"}),
        ("{url:https://example.com}", {"url": "https://example.com"}),
        ("{a:'it'/s'}", {"a": "it's"}),
        ('{a:"\\u00e9"}', {"a": "é"}),
        ("{a:null,b:007}", {"a": None, "b": "007"}),
        ("{}", {}),
        ("{a:{}}", {"a": {}}),
        ("null", None),
    ],
)
def test_what_an_object_may_look_like(text: str, expected: Any):
    assert an_object(text) == expected


def test_thumbprints_stay_texts():
    assert an_object("{t:[0123,123]}", numbers=False) == {"t": ["0123", "123"]}
    assert an_object("t=123", numbers=False) == {"t": "123"}


def test_members_one_by_one():
    assert an_object("kind=pump", "floor=5", "tags=[a,b]", "n=null", "q=a=b") == {
        "kind": "pump",
        "floor": 5,
        "tags": ["a", "b"],
        "n": None,
        "q": "a=b",
    }


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a/#"], ["a/#"]),
        (["nullable"], ["nullable"]),
        (["a", "[b]"], ["a", "[b]"]),
        (["[a,'b,c']"], ["a", "b,c"]),
        (["[]"], []),
        (["null"], None),
        (['["${client.authenticationName}/a"]'], ["${client.authenticationName}/a"]),
    ],
)
def test_what_a_list_may_look_like(words: list[str], expected: Any):
    assert a_list(*words) == expected


def test_a_file(tmp_path: Path):
    file = tmp_path / "attributes"
    file.write_text('{"a": 1}')
    assert an_object(f"@{file}") == {"a": 1}
    file.write_text("{a:1}\n")
    assert an_object(f"@{file}") == {"a": 1}
    file.write_text("[a, b]")
    assert a_list(f"@{file}") == ["a", "b"]
    with pytest.raises(UsageError, match="No such file"):
        an_object(f"@{file}-missing")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["{a:1"], ", is missing at the end"),
        (["{a}"], ": is missing"),
        (["{a:}"], "a value is missing"),
        (["{a:'b}"], "a closing quote is missing"),
        (["{a:1} b"], "its end is missing"),
        (["{a:1,a:2}"], "'a' is there twice"),
        (["{a:1,}"], "a name is missing"),
        (["[a]"], "it must be an object"),
        (["word"], "it must be an object"),
        (["{a:1}", "{b:2}"], "one object in quotes"),
        (["a=1", "b"], "'b' is not name=value"),
        (["{a:" * 20 + "1" + "}" * 20], "more than 16"),
        (['{a:"\\x"}'], "is not a string"),
    ],
)
def test_what_is_wrong_is_named(words: list[str], text: str):
    with pytest.raises(UsageError, match="--attributes") as error:
        an_object(*words)
    assert text in str(error.value)


VALUES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_json_is_read_as_json(value: dict[str, Any]):
    text = json.dumps(value)
    assert an_object(text) == value
    assert shorthand._Reader("--x", text, numbers=True).whole() == value


@given(st.text(alphabet="{}[]:,'\"/\\ab=1 -\n", max_size=30))
def test_no_text_is_too_strange(text: str):
    # Nothing else than this error, and no other values.
    with contextlib.suppress(UsageError):
        found = shorthand._Reader("--x", text, numbers=True).whole()
        assert isinstance(found, dict | list | str | int | None)
