"""Objects that own something of the system, such as a connection: there is one of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from typing_extensions import Self


class Uncopied:
    """What cannot be copied or pickled: the first of two copies to be closed or collected would end the other."""

    __slots__ = ()

    def __copy__(self) -> Self:
        """Refuse.

        Raises:
            TypeError: Always.
        """
        self._refuse("copied")

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Refuse.

        Raises:
            TypeError: Always.
        """
        self._refuse("copied")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        """Refuse.

        Raises:
            TypeError: Always.
        """
        self._refuse("pickled")

    def _refuse(self, done: str) -> NoReturn:
        name = type(self).__name__
        raise TypeError(f"a {name} cannot be {done}: it owns a connection; pass it on, or create another {name}")
