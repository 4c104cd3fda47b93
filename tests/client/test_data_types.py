"""What everyday values are in JSON (docs/data-types.md), and what the application's own function makes of others."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import math
import re
import subprocess
import sys
import types
import uuid
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from azmqtt import MessageTooLarge
from azmqtt._core import json_text

#: However busy the machine is.
patiently = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

UTC = dt.timezone.utc
BERLIN = dt.timezone(dt.timedelta(hours=2))
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")


def written(value, default=None):
    return json_text("value", value, default)


class Colour(enum.Enum):
    RED = "red"
    WHEN = dt.date(2026, 1, 2)


class Level(enum.IntEnum):
    HIGH = 3


class Moment(dt.datetime):
    """As libraries have them: with text of its own."""

    def isoformat(self, *_, **__):
        return "now"

    __str__ = isoformat


@dataclasses.dataclass
class Reading:
    at: dt.datetime
    value: Decimal
    colour: Colour = Colour.RED


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (dt.datetime(2026, 1, 2, 3, 4, 5), '"2026-01-02T03:04:05"'),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 6, UTC), '"2026-01-02T03:04:05.000006Z"'),
        (dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=BERLIN), '"2026-01-02T03:04:05+02:00"'),
        (dt.datetime(2026, 1, 2, 3, tzinfo=ZoneInfo("Europe/London")), '"2026-01-02T03:00:00Z"'),
        # Local mean time: +00:53:28.
        (dt.datetime(1890, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")), '"1889-12-31T23:06:32Z"'),
        (dt.datetime(1, 1, 1), '"0001-01-01T00:00:00"'),
        (Moment(2026, 1, 2), '"2026-01-02T00:00:00"'),
        (dt.date(2026, 1, 2), '"2026-01-02"'),
        (dt.time(3, 4, 5, 600_000), '"03:04:05.600000"'),
        (dt.time(3, 4, tzinfo=UTC), '"03:04:00Z"'),
        (Decimal("21.50"), "21.50"),
        (Decimal("-0"), "-0"),
        (Decimal("1E+30"), "1E+30"),
        (Decimal("123456789012345678901234567890.10"), "123456789012345678901234567890.10"),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Colour.RED, '"red"'),
        (Colour.WHEN, '"2026-01-02"'),
        (Level.HIGH, "3"),
        (
            Reading(dt.datetime(2026, 1, 2, tzinfo=UTC), Decimal("1.10")),
            '{"at":"2026-01-02T00:00:00Z","value":1.10,"colour":"red"}',
        ),
        (types.MappingProxyType({"a": (1, None)}), '{"a":[1,null]}'),
        (np.bool_(True), "true"),  # noqa: FBT003 - the value of a test
        (np.int8(-5), "-5"),
        (np.uint64(2**64 - 1), "18446744073709551615"),
        (np.float64(0.1), "0.1"),
        (np.float32(0.1), "0.1"),
        (np.float16(0.1), "0.1"),
        (np.longdouble(0.5), "0.5"),
        (np.str_("x"), '"x"'),
        (np.datetime64("2026-01-02"), '"2026-01-02"'),
        (np.datetime64("2026-01"), '"2026-01-01"'),
        (np.datetime64("2026-01-02T03"), '"2026-01-02T03:00:00"'),
        (np.datetime64("2026-01-02T03:04:05", "ns"), '"2026-01-02T03:04:05"'),
        (np.datetime64("2026-01-02T03:04:05.123456789"), '"2026-01-02T03:04:05.123456789"'),
        (np.arange(4).reshape(2, 2), "[[0,1],[2,3]]"),
        (np.array([0.1, 1e20], dtype=np.float32), "[0.1,1e+20]"),
        (np.array([True, False]), "[true,false]"),
        (np.array(["a", "b"]), '["a","b"]'),
        (np.array([Decimal("1.10"), None]), "[1.10,null]"),
        (np.array(["2026-01-02"], dtype="datetime64[ns]"), '["2026-01-02T00:00:00"]'),
        (np.array(7), "7"),
        (np.array("2026-01-02", dtype="datetime64[D]"), '"2026-01-02"'),
        (np.ma.masked_array([1, 2], mask=[False, True]), "[1,null]"),
        (np.ma.masked, "null"),
        (np.array([]), "[]"),
        (pd.Timestamp("2026-01-02T03:04:05.123456789", tz="UTC"), '"2026-01-02T03:04:05.123456789Z"'),
        (pd.Timestamp("2026-01-02T03:04:05"), '"2026-01-02T03:04:05"'),
        (pd.Timestamp("2026-07-02", tz="Europe/Berlin"), '"2026-07-02T00:00:00+02:00"'),
        (list(pd.Series([1, 2])), "[1,2]"),
        (next(pd.DataFrame({"t": [21.5], "n": [3]}).itertuples(index=False)), "[21.5,3]"),
        ({Colour.RED: 1, 2: 2, 1.5: 3, True: 4, None: 5}, '{"red":1,"2":2,"1.5":3,"true":4,"null":5}'),
        ({uuid.UUID(int=1): 1}, '{"00000000-0000-0000-0000-000000000001":1}'),
        ({dt.date(2026, 1, 2): 1, np.int64(5): 2, Decimal("1.50"): 3}, '{"2026-01-02":1,"5":2,"1.50":3}'),
    ],
)
def test_the_form_of(value, text):
    assert written(value) == text
    # As a part of something, and beside others.
    assert written({"a": [value, 1]}) == f'{{"a":[{text},1]}}'
    json.loads(text)


@pytest.mark.parametrize(
    ("value", "error", "says"),
    [
        (math.nan, ValueError, "value.a[1]: NaN is not JSON (use None or a str)"),
        (-math.inf, ValueError, "value.a[1]: infinity is not JSON (use None or a str)"),
        (np.float32("nan"), ValueError, "value.a[1]: NaN is not JSON (use None or a str)"),
        (np.array([[1, math.nan]]), ValueError, "value.a[1][0][1]: NaN is not JSON (use None or a str)"),
        (np.array([math.inf], dtype=np.float16), ValueError, "value.a[1][0]: infinity is not JSON"),
        (Decimal("NaN"), ValueError, "value.a[1]: NaN is not JSON (use None or a str)"),
        (Decimal("sNaN"), ValueError, "value.a[1]: NaN is not JSON"),
        (Decimal("-Infinity"), ValueError, "value.a[1]: infinity is not JSON"),
        (pd.NaT, ValueError, "value.a[1]: NaT is not JSON (use None or a str)"),
        (np.datetime64("NaT"), ValueError, "value.a[1]: NaT is not JSON (use None or a str)"),
        (np.array(["NaT"], dtype="datetime64[s]"), ValueError, "value.a[1][0]: NaT is not JSON"),
        (pd.NA, TypeError, "value.a[1]: NAType is not JSON (use None or a str)"),
        (np.datetime64("12026-01-01"), ValueError, "value.a[1]: 12026-01-01 has no form in RFC 3339"),
        (dt.time(1, tzinfo=dt.timezone(dt.timedelta(seconds=90))), ValueError, "has no form in RFC 3339"),
        (dt.timedelta(1), TypeError, "value.a[1]: timedelta is not JSON (use its total_seconds())"),
        (pd.Timedelta(1), TypeError, "value.a[1]: Timedelta is not JSON (use its total_seconds())"),
        (np.timedelta64(1, "s"), TypeError, "value.a[1]: timedelta64 is not JSON (use x / numpy"),
        (1j, TypeError, "value.a[1]: complex is not JSON (use [x.real, x.imag])"),
        (np.complex64(1j), TypeError, "value.a[1]: complex64 is not JSON (use [x.real, x.imag])"),
        (np.array([b"x"]), TypeError, "value.a[1]: ndarray of |S1 is not JSON"),
        (np.zeros(1, dtype=[("a", int)]), TypeError, "value.a[1]: ndarray of [('a', '<i8')] is not JSON"),
        (pd.DataFrame(), TypeError, "value.a[1]: DataFrame is not JSON (use its to_dict(orient='records'))"),
        (pd.Series([1]), TypeError, "value.a[1]: Series is not JSON (use its to_list() or to_dict())"),
        (b"x", TypeError, "value.a[1]: bytes is not JSON (decode it, or use base64.b64encode(…).decode())"),
        ({1}, TypeError, "value.a[1]: set is not JSON (use a list, such as sorted(…))"),
        (Reading, TypeError, "value.a[1]: type is not JSON"),
        (
            object(),
            TypeError,
            "value.a[1]: object is not JSON (use dict, list,",
        ),
        (Reading(dt.datetime(2026, 1, 2), math.nan), ValueError, "value.a[1].value: NaN is not JSON"),
        ({(1, 2): 1}, TypeError, "value.a[1]: a key is tuple, not str"),
        ({object(): 1}, TypeError, "value.a[1]: a key is object, not str"),
        ({math.nan: 1}, ValueError, "value.a[1]: a key: NaN is not JSON"),
        ({1: 2, "1": 3}, ValueError, "value.a[1]: two keys become '1' in JSON"),
        ({Colour.RED: {dt.date(2026, 1, 2): math.nan}}, ValueError, "value.a[1].red.2026-01-02: NaN is not JSON"),
    ],
)
def test_what_has_no_form(value, error, says):
    with pytest.raises(error) as caught:
        written({"a": [1, value]})
    assert says.replace("'1'", '"1"') in str(caught.value)


def test_a_large_array_is_refused_by_its_length():
    with pytest.raises(MessageTooLarge, match="more than 1048576 bytes"):
        written({"a": np.zeros((3000, 1000), dtype=np.int8)})


zones = (
    st.timezones()
    | st.just(UTC)
    | st.builds(dt.timezone, st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)))
)


@patiently
@given(st.datetimes(min_value=dt.datetime(2, 1, 1), max_value=dt.datetime(9998, 1, 1), timezones=st.none() | zones))
def test_every_datetime_is_the_same_moment_in_rfc_3339(value):
    text = json.loads(written(value))
    assert RFC_3339.fullmatch(text)
    read = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    assert (read.utcoffset() is None) == (value.tzinfo is None)
    if value.tzinfo is None:
        assert read == value
    else:
        assert read - value == dt.timedelta(0)


@patiently
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_every_decimal_keeps_its_digits(value):
    text = written([value])[1:-1]
    assert text == str(value)
    assert json.loads(text, parse_float=Decimal, parse_int=Decimal) == value


@patiently
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_float32_is_read_back(value):
    single = np.float32(value)
    read = json.loads(written([single, np.array([single])]))
    assert np.float32(read[0]) == single == np.float32(read[1][0])


texts = st.text(st.characters(codec="utf-8"))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
leaves = st.none() | st.booleans() | numbers | texts
everyday = st.dates() | st.uuids() | st.decimals(allow_nan=False, allow_infinity=False) | st.sampled_from(Colour)
own = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner))


@patiently
@given(own)
def test_what_is_json_is_written_as_by_json(value):
    assert json.loads(written(value)) == json.loads(json.dumps(value))


@patiently
@given(own, everyday)
def test_an_everyday_value_changes_nothing_beside_it(value, other):
    """The text is written by other code then."""
    assert written([value, other]) == f"[{written(value)},{written(other)}]"


@patiently
@given(st.dictionaries(leaves, leaves))
def test_keys_are_as_by_json(value):
    names = [json.loads(json.dumps({key: 0})) for key in value]
    if len({name for each in names for name in each}) == len(value):
        for key in value:
            if not isinstance(key, float):  # 1e16 has more than one spelling
                assert json.loads(written({key: value[key]})) == json.loads(json.dumps({key: value[key]}))


# json_default


class Point:
    def __init__(self, x):
        self.x = x


def of_point(value):
    if isinstance(value, Point):
        return {"x": value.x}
    raise TypeError(f"no {type(value).__name__}")


def test_the_function_is_asked_first():
    assert written({"at": dt.datetime(2026, 1, 2)}, str) == '{"at":"2026-01-02 00:00:00"}'
    assert written([Point(dt.date(2026, 1, 2))], of_point) == '[{"x":"2026-01-02"}]'
    assert written(dt.date(2026, 1, 2), lambda value: value.year) == "2026"
    assert written({Point(1): 2}, lambda value: f"p{value.x}") == '{"p1":2}'


def test_what_the_function_does_not_know_has_its_usual_form():
    assert written([Decimal("1.10"), Point(1)], of_point) == '[1.10,{"x":1}]'
    assert written([Decimal("1.10"), Point(1)], lambda value: 0 if isinstance(value, Point) else value) == "[1.10,0]"


def test_the_function_is_not_asked_for_the_types_of_json():
    asked = []
    assert written({"a": [1, 1.5, "x", None, True, (2,)]}, asked.append) == '{"a":[1,1.5,"x",null,true,[2]]}'
    with pytest.raises(ValueError, match=re.escape("value.a: NaN is not JSON")):
        written({"a": math.nan}, asked.append)
    assert asked == []


def test_what_nobody_knows():
    with pytest.raises(TypeError, match=re.escape("value[0]: object is not JSON")) as caught:
        written([object()], of_point)
    assert str(caught.value.__cause__) == "no object"


def test_what_the_function_raises():
    def broken(value):
        raise KeyError(value.x)

    with pytest.raises(KeyError) as caught:
        written({"a": [Point(5)]}, broken)
    assert caught.value.args == (5,)
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__ == ["raised by json_default for value.a[0]"]


def test_a_function_without_an_end():
    with pytest.raises(ValueError, match="nested more than 128 levels deep, or contains itself"):
        written(Point(1), lambda value: Point(value.x))


def test_bytes_of_the_function_are_not_json_text():
    with pytest.raises(TypeError, match="bytes is not JSON"):
        written(Point(1), lambda value: b"1" if isinstance(value, Point) else value)


def test_an_object_that_changes_meanwhile():
    """As another thread may change it while Python code runs."""
    state = {"a": Point(1), "b": 2}
    items = [Point(1), 2]

    def change(value):
        state["c"] = state.pop("b")
        return value.x

    def clear(value):
        items.clear()
        return value.x

    assert written(state, change) == '{"a":1,"b":2}'
    assert written(items, clear) == "[1]"


def test_no_library_is_imported():
    code = """
import sys
from azmqtt._core import json_text
for value in ({"a": {1}}, [object()]):
    try:
        json_text("v", value, None)
    except TypeError:
        pass
print(json_text("v", {1: 2}, None))
print([name for name in ("numpy", "pandas", "decimal", "uuid", "dataclasses") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False)
    assert (done.stdout, done.stderr) == ('{"1":2}\n[]\n', "")
