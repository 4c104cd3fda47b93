"""What the resources of a namespace are called by ``az eventgrid namespace``, and the options of their properties."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from azmqtt._cli import common, shorthand

if TYPE_CHECKING:
    import argparse

#: What stands behind an option: text; text or ``@file``; an object whose names are the service's, of texts or also of
#: numbers; one whose names are the owner's own, of both or of texts; a list of texts.
Form: TypeAlias = Literal["text", "file", "object", "settings", "attributes", "tags", "list"]


class Property(NamedTuple):
    """A property of a resource.

    Attributes:
        member: Its name in JSON.
        options: Its options, the first of which errors name.
        about: For the help.
        form: What stands behind it.
        choices: What it may be, if that is a few words.
        is_fixed: Whether it never changes, so that ``update`` does not have it.
    """

    member: str
    options: tuple[str, ...]
    about: str
    form: Form = "text"
    choices: tuple[str, ...] | None = None
    is_fixed: bool = False

    @property
    def destination(self) -> str:
        """Where argparse puts it."""
        return f"property_{self.member}"

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Add its options."""
        given: dict[str, Any] = {"dest": self.destination, "help": self.about}
        if self.choices is not None:
            given |= {"choices": self.choices, "type": _choice(self.choices)}
        else:
            given["metavar"] = {"file": "@FILE", "text": "TEXT", "list": "TEXT"}.get(self.form, "OBJECT")
        if self.form not in ("text", "file"):
            given["nargs"] = "+"
        parser.add_argument(*self.options, **given)

    def value(self, given: Any) -> Any:
        """Read what was given.

        Raises:
            UsageError: It makes no sense, or a file cannot be read; names the option or the file.
        """
        option = self.options[0]
        if self.form == "file":
            return common.text_or_file(given)
        if self.form == "list":
            return shorthand.read(option, given, "list")
        if self.form in ("attributes", "tags"):
            return shorthand.read(option, given, "object", numbers=self.form == "attributes")
        if self.form in ("object", "settings"):
            return _in_camel_case(shorthand.read(option, given, "object", numbers=self.form == "settings"))
        return given


class Resource(NamedTuple):
    """A kind of resource.

    Attributes:
        noun: The command, such as ``topic-space``.
        segment: The type in a path, such as ``topicSpaces``.
        what: For the help.
        properties: Its properties.
    """

    noun: str
    segment: str
    what: str
    properties: tuple[Property, ...]

    def given(self, arguments: argparse.Namespace) -> dict[str, Any]:
        """Return the properties that are given, as JSON has them."""
        return given(self.properties, arguments)


def given(properties: tuple[Property, ...], arguments: argparse.Namespace) -> dict[str, Any]:
    """Return those of the properties that are given, as JSON has them."""
    found = {each.member: (each, getattr(arguments, each.destination, None)) for each in properties}
    return {member: each.value(value) for member, (each, value) in found.items() if value is not None}


_DESCRIPTION = Property("description", ("--description",), "for people")

RESOURCES = (
    Resource(
        "client",
        "clients",
        "client",
        (
            Property(
                "authenticationName",
                ("--authentication-name",),
                "the name under which it connects (default: the client's name)",
                is_fixed=True,
            ),
            Property(
                "clientCertificateAuthentication",
                ("--client-certificate-authentication",),
                "what of its certificate shows who it is, such as {validation-scheme:ThumbprintMatch,"
                "allowed-thumbprints:[…]} (default: the subject)",
                "object",
            ),
            Property("authentication", ("--authentication",), "the same, as old scripts have it", "object"),
            Property(
                "attributes",
                ("--attributes",),
                'what queries and topic templates may use, such as {"kind":"pump","floor":5}',
                "attributes",
            ),
            Property("state", ("--state",), "whether it may connect", choices=("Enabled", "Disabled")),
            _DESCRIPTION,
        ),
    ),
    Resource(
        "client-group",
        "clientGroups",
        "client group",
        (
            Property(
                "query",
                ("--group-query",),
                "which clients belong to it, such as \"attributes.kind = 'pump'\"",
            ),
            _DESCRIPTION,
        ),
    ),
    Resource(
        "topic-space",
        "topicSpaces",
        "topic space",
        (
            Property("topicTemplates", ("--topic-templates",), "1 to 10 topic templates, or a list of JSON", "list"),
            _DESCRIPTION,
        ),
    ),
    Resource(
        "permission-binding",
        "permissionBindings",
        "permission binding",
        (
            Property("clientGroupName", ("--client-group-name",), "the client group; $all is every client"),
            Property("topicSpaceName", ("--topic-space-name",), "the topic space"),
            Property("permission", ("--permission",), "what it grants", choices=("Publisher", "Subscriber")),
            _DESCRIPTION,
        ),
    ),
    Resource(
        "ca-certificate",
        "caCertificates",
        "CA certificate",
        (
            Property(
                "encodedCertificate",
                ("--encoded-certificate", "--certificate"),
                "the certificate in PEM: @FILE, '-' for stdin, or its text",
                "file",
            ),
            _DESCRIPTION,
        ),
    ),
)


def _choice(choices: tuple[str, ...]) -> Any:
    """Take a word in any case, as ``az`` does."""
    by_case = {choice.lower(): choice for choice in choices}
    return lambda text: by_case.get(text.lower(), text)


def _in_camel_case(value: Any) -> Any:
    """Spell the names of members as JSON has them: ``az`` takes ``validation-scheme``, too."""
    if isinstance(value, shorthand.Members):
        return shorthand.Members(_in_camel_case(dict(value)))
    if isinstance(value, dict):
        return {_camel(name): _in_camel_case(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_in_camel_case(item) for item in value]
    return value


def _camel(name: str) -> str:
    return re.sub("[-_]([a-z])", lambda found: found[1].upper(), name)
