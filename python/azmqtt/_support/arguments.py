"""The checks of arguments, for every module: the error names the argument, then what it should be and what it is."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[str, Any], object]

C = TypeVar("C", bound="type[Any]")

_SECONDS = "a number of seconds"

#: What becomes part of a CONNECT packet's user name has so many characters at most.
_LONGEST_TEXT = 1024


def instance(name: str, value: Any, kind: type[Any]) -> Any:
    """Check the class of a value, and return the value.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {kind.__name__}, not {type(value).__name__}")
    return value


def text(name: str, value: Any) -> str:
    """Check text, and return it.

    Raises:
        TypeError: It is something else, such as bytes.
    """
    return cast("str", instance(name, value, str))


def list_of_texts(name: str, values: Any) -> list[str]:
    """Check a sequence of texts, which is not a text itself, and return it as a list.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(values, str | bytes) or not hasattr(type(values), "__iter__"):
        raise TypeError(f"{name} must be a list of str, not {type(values).__name__}")
    return [text(f"{name}: an item", value) for value in values]


def texts(**values: Any) -> None:
    """Check several texts."""
    for name, value in values.items():
        text(name, value)


def texts_or_none(**values: Any) -> None:
    """Check several texts that may be absent."""
    for name, value in values.items():
        if value is not None:
            text(name, value)


def user_name_text(name: str, value: Any) -> str | None:
    """Check what becomes part of the MQTT user name, and return it.

    Raises:
        TypeError: It is not a string.
        ValueError: It is too long, or cannot be printed.
    """
    if value is not None and (len(text(name, value)) > _LONGEST_TEXT or not value.isprintable()):
        raise ValueError(f"{name} must be at most {_LONGEST_TEXT} printable characters")
    return cast("str | None", value)


def function(name: str, value: Any) -> None:
    """Check a function, or anything else that can be called.

    Raises:
        TypeError: It cannot be called.
    """
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {type(value).__name__}")


def is_dataclass(value: Any) -> bool:
    """Whether it is an object of a dataclass, found out without an import of :mod:`dataclasses`."""
    return hasattr(type(value), "__dataclass_fields__")


def function_or_none(name: str, value: Any) -> Any:
    """Check a function that may be absent, and return it.

    Raises:
        TypeError: It cannot be called.
    """
    if value is not None:
        function(name, value)
    return value


def whole(name: str, value: Any, least: int = -(2**63), most: int = 2**63 - 1, unit: str = "") -> int:
    """Check a whole number and its bounds, and return it.

    Raises:
        TypeError: It has another type; a ``bool`` is refused.
        ValueError: It is out of its bounds. Without any, it needs more than 64 bits, which nothing here takes.
    """
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} must be int, not {type(value).__name__}")
    number = operator.index(value)
    within(name, number, least, most, unit)
    return number


def port(name: str, value: Any, least: int = 1) -> int:
    """Check a TCP port, and return it; ``least`` is 0 where that means any free one."""
    return whole(name, value, least, 65_535)


def within(name: str, value: Any, least: float, most: float, unit: str = "") -> None:
    """Check the bounds of a number.

    Raises:
        ValueError: It is outside of them, or NaN.
    """
    if not least <= value <= most:
        bounds = f"{least} to {most} {unit}" if unit else f"{least} to {most}"
        raise ValueError(f"{name} must be from {bounds}, not {brief(value)}")


def not_negative(name: str, value: float) -> None:
    """Check a number that counts something, or a time.

    Raises:
        ValueError: It is negative.
    """
    if value < 0:
        raise ValueError(f"{name} must not be negative, not {brief(value)}")


def number(name: str, value: Any, what: str = "a number") -> float:
    """Check a number, and return it.

    Raises:
        TypeError: It has another type; a ``bool`` is refused.
        ValueError: It is an ``int`` that is larger than any ``float``.
    """
    if isinstance(value, bool) or not hasattr(type(value), "__float__"):
        raise TypeError(f"{name} must be {what}, not {type(value).__name__}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is out of bounds: {brief(value)}") from None


def seconds(name: str, value: Any) -> float:
    """Check a number of seconds, which may be negative or infinite, and return it.

    Raises:
        TypeError: It is not a number.
        ValueError: It is NaN, or an ``int`` that is larger than any ``float``.
    """
    checked_value = number(name, value, _SECONDS)
    if checked_value != checked_value:  # noqa: PLR0124 - only NaN differs from itself
        raise ValueError(f"{name} must be {_SECONDS}, not NaN")
    return checked_value


def seconds_within(name: str, value: Any, least: float, most: float) -> float:
    """Check a number of seconds and its bounds, and return it.

    Raises:
        TypeError: It is not a number.
        ValueError: It is out of its bounds, or NaN.
    """
    if isinstance(value, bool) or not hasattr(type(value), "__float__"):
        raise TypeError(f"{name} must be {_SECONDS}, not {type(value).__name__}")
    within(name, value, least, most, "s")
    return float(value)


def seconds_above_zero(name: str, value: Any, most: float) -> float:
    """Check a number of seconds that is more than 0, and return it.

    Raises:
        TypeError: It is not a number.
        ValueError: It is 0 or less, more than ``most``, or NaN.
    """
    checked_value = number(name, value, _SECONDS)
    if not checked_value > 0:
        raise ValueError(f"{name} must be more than 0 s, not {brief(value)}")
    within(name, checked_value, 0, most, "s")
    return checked_value


def timeout(value: Any) -> None:
    """Check how long a call may wait: seconds, of which there may be infinitely many; ``None`` for no limit.

    Raises:
        TypeError: It is not a number.
        ValueError: It is negative, or NaN.
    """
    if value is not None:
        seconds("timeout", value)
        not_negative("timeout", value)


def method_timeouts(response_timeout: Any, connect_timeout: Any) -> tuple[float, float]:
    """Check the times that a call of a direct method may take, by the service's bounds, and return them.

    Raises:
        TypeError: One is not a number.
        ValueError: One is out of its bounds, or a device would get longer to connect than to answer, which the service
            refuses (400004).
    """
    response = seconds_within("response_timeout", response_timeout, 5, 300)
    connect = seconds_within("connect_timeout", connect_timeout, 0, 300)
    if connect > response:
        raise ValueError(
            f"connect_timeout ({connect_timeout} s) is longer than response_timeout ({response_timeout} s)"
        )
    return response, connect


def one_way_to_authenticate(*given: bool) -> None:
    """Check that an identity is given one way to authenticate at most.

    Raises:
        ValueError: It is given several.
    """
    if sum(given) > 1:
        raise ValueError("key, x509_thumbprint and ca exclude each other")


def module_of_a_device(device_id: str | None, module_id: str | None) -> None:
    """Check that a module is named with its device.

    Raises:
        ValueError: The device is missing.
    """
    if device_id is None and module_id is not None:
        raise ValueError("module_id needs the device_id that it belongs to")


def brief(value: Any) -> str:
    """Write a number for an error; one that Python may refuse to write by its size."""
    if isinstance(value, int) and value.bit_length() > 128:  # noqa: PLR2004 - longer than anybody reads
        return f"an int of {value.bit_length()} bits"
    return str(value)


def document_text(name: str, value: Any) -> str:
    """Write a document that this package has made as JSON.

    Raises:
        TypeError: Something in it is not JSON.
        ValueError: A number in it is not, or it holds itself.
    """
    import json

    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def checked(cls: C) -> C:
    """Have a class and its bases check the arguments of ``__init__`` and of every public method.

    What is checked are parameters annotated as ``str``, ``int``, ``float`` (of seconds), ``bool``, a path (``str |
    os.PathLike[str]``) or ``Mapping[str, str…]``, each perhaps with ``| None``; others are the methods' own business,
    and so is ``probability``, a number that is not a time.
    """
    for base in cls.__mro__[:-1]:
        for name, member in list(vars(base).items()):
            if isinstance(member, FunctionType) and (name == "__init__" or not name.startswith("_")):
                setattr(base, name, _wrapped(member))
    return cls


def _wrapped(method: FunctionType) -> Callable[..., Any]:
    checks = {name: _check_for(annotation) for name, annotation in method.__annotations__.items()}
    checks.pop("probability", None)
    rules = {name: check for name, check in checks.items() if check is not None and name != "return"}
    positional = method.__code__.co_varnames[: method.__code__.co_argcount]

    @functools.wraps(method)
    def checking(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        for name, value in (*zip(positional, args, strict=False), *kwargs.items()):
            if name in rules:
                rules[name](name, value)
        return method(*args, **kwargs)

    # In tracebacks, and for warnings that name the call.
    wrapper = cast("FunctionType", checking)
    wrapper.__code__ = wrapper.__code__.replace(co_name=method.__name__)
    return checking


def _check_for(annotation: object) -> Check | None:
    """Find the check for an annotation, which is text in modules that postpone them."""
    kind = str(annotation)
    plain = kind.removesuffix(" | None")
    check = _texts_by_name if plain.startswith("Mapping[str, str") else _CHECKS.get(plain)
    if check is None or plain == kind:
        return check
    return lambda name, value: None if value is None else check(name, value)


def _truth(name: str, value: Any) -> None:
    instance(name, value, bool)


def _path(name: str, value: Any) -> None:
    if not isinstance(value, str) and not hasattr(type(value), "__fspath__"):
        raise TypeError(f"{name} must be a path, not {type(value).__name__}")


def _texts_by_name(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must map str to str, not be {type(value).__name__}")
    for key, item in value.items():
        text(f"{name}: a name", key)
        if item is not None:
            text(f"{name}[{key!r}]", item)


_CHECKS: dict[str, Check] = {
    "str": text,
    "int": whole,
    "float": seconds,
    "bool": _truth,
    "str | os.PathLike[str]": _path,
}
