"""Arguments of the wrong type: the error names the argument and the type that it should have."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[str, Any], None]

C = TypeVar("C", bound="type[Any]")


def text(name: str, value: Any) -> None:
    """Check text.

    Raises:
        TypeError: It is something else, such as bytes.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be str, not {type(value).__name__}")


def texts(**values: Any) -> None:
    """Check several texts."""
    for name, value in values.items():
        text(name, value)


def texts_or_none(**values: Any) -> None:
    """Check several texts that may be absent."""
    for name, value in values.items():
        if value is not None:
            text(name, value)


def whole(name: str, value: Any) -> None:
    """Check a whole number.

    Raises:
        TypeError: It is none; a ``bool`` is none.
        ValueError: It needs more than 64 bits, which nothing here takes.
    """
    if isinstance(value, bool) or not hasattr(type(value), "__index__"):
        raise TypeError(f"{name} must be int, not {type(value).__name__}")
    within(name, value, -(2**63), 2**63 - 1)


def within(name: str, value: Any, least: int, most: int) -> None:
    """Check the bounds of a number.

    Raises:
        ValueError: It is outside of them, or NaN.
    """
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least} to {most}, not {brief(value)}")


def brief(value: Any) -> str:
    """Write a number for an error; one that Python may refuse to write by its size."""
    if isinstance(value, int) and value.bit_length() > 128:  # noqa: PLR2004 - longer than anybody reads
        return f"an int of {value.bit_length()} bits"
    return str(value)


def not_negative(name: str, value: int) -> None:
    """Check a number that counts something.

    Raises:
        ValueError: It is negative.
    """
    if value < 0:
        raise ValueError(f"{name} must not be negative, not {brief(value)}")


def json_text(name: str, value: Any) -> str:
    """Write JSON.

    Raises:
        TypeError: Something in it is not JSON.
        ValueError: A number in it is not, or it holds itself.
    """
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None


def checked(cls: C) -> C:
    """Have a class and its bases check the arguments of ``__init__`` and of every public method.

    What is checked are parameters annotated as ``str``, ``int``, ``float`` (of seconds), ``bool``, a path (``str |
    os.PathLike[str]``) or ``Mapping[str, str…]``, each perhaps with ``| None``; others are the methods' own business,
    and so is ``probability``, a number that is no time.
    """
    for base in cls.__mro__[:-1]:
        for name, member in list(vars(base).items()):
            if isinstance(member, FunctionType) and (name == "__init__" or not name.startswith("_")):
                setattr(base, name, _wrapped(member))
    return cls


def _wrapped(function: FunctionType) -> Callable[..., Any]:
    checks = {name: _check_for(annotation) for name, annotation in function.__annotations__.items()}
    checks.pop("probability", None)
    rules = {name: check for name, check in checks.items() if check is not None and name != "return"}
    positional = function.__code__.co_varnames[: function.__code__.co_argcount]

    @functools.wraps(function)
    def checking(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        for name, value in (*zip(positional, args, strict=False), *kwargs.items()):
            if name in rules:
                rules[name](name, value)
        return function(*args, **kwargs)

    # In tracebacks, and for warnings that name the call.
    wrapper = cast("FunctionType", checking)
    wrapper.__code__ = wrapper.__code__.replace(co_name=function.__name__)
    return checking


def _check_for(annotation: object) -> Check | None:
    """Find the check for an annotation, which is text in modules that postpone them."""
    kind = str(annotation)
    plain = kind.removesuffix(" | None")
    check = _texts_by_name if plain.startswith("Mapping[str, str") else _CHECKS.get(plain)
    if check is None or plain == kind:
        return check
    return lambda name, value: None if value is None else check(name, value)


def seconds(name: str, value: Any) -> None:
    """Check a number of seconds, which may be infinite.

    Raises:
        TypeError: It is no number.
        ValueError: It is NaN, or an ``int`` that is larger than any ``float``.
    """
    if isinstance(value, bool) or not hasattr(type(value), "__float__"):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    _fits_float(name, value)
    if value != value:  # noqa: PLR0124 - only NaN differs from itself
        raise ValueError(f"{name} must be a number of seconds, not NaN")


def number(name: str, value: Any) -> None:
    """Check a number that is not of seconds.

    Raises:
        TypeError: It is none; a ``bool`` is none.
        ValueError: It is an ``int`` that is larger than any ``float``.
    """
    if isinstance(value, bool) or not hasattr(type(value), "__float__"):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    _fits_float(name, value)


def _fits_float(name: str, value: Any) -> None:
    try:
        float(value)
    except OverflowError:
        raise ValueError(f"{name} is out of bounds: {brief(value)}") from None


def _truth(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be bool, not {type(value).__name__}")


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
