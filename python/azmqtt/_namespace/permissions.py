"""The permissions of a local namespace: client groups, topic spaces, permission bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from azmqtt._support.arguments import list_of_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from azmqtt import _core
    from azmqtt._namespace_types import ClientGroup, Permission, PermissionBinding, TopicSpace

    Resource = TypeVar("Resource", ClientGroup, TopicSpace, PermissionBinding)


class PermissionsMixin:
    """The methods of :class:`~azmqtt.LocalNamespace` that manage permissions."""

    _core: _core.Namespace

    if TYPE_CHECKING:

        def _check_running(self) -> None: ...

    def create_client_group(self, name: str, query: str, *, description: str = "") -> ClientGroup:
        """Create a client group. The group ``$all`` always exists and contains every client.

        Args:
            name: 3 to 50 letters, digits and hyphens.
            query: A condition on the attributes of the group's clients, such as ``"attributes.type IN ['pump', 'valve']
                and attributes.floor >= 3"``.
            description: A human-readable description.

        Raises:
            ValueError: The group already exists, the namespace has 10, or an argument is invalid.
        """
        self._check_running()
        _check_new("client group", name, self.list_client_groups())
        self._core.put_client_group(name, query, description)
        return self.get_client_group(name)

    def update_client_group(
        self, name: str, *, query: str | None = None, description: str | None = None
    ) -> ClientGroup:
        """Change a client group; fields that are not given stay as they are.

        Sessions that lose the right to one of their subscriptions end.

        Raises:
            LookupError: The group does not exist.
            ValueError: An argument is invalid.
        """
        self._check_running()
        old = self.get_client_group(name)
        self._core.put_client_group(name, _else(query, old.query), _else(description, old.description))
        return self.get_client_group(name)

    def get_client_group(self, name: str) -> ClientGroup:
        """Return a client group.

        Raises:
            LookupError: The group does not exist; ``$all`` cannot be read.
        """
        return _named("client group", name, self.list_client_groups())

    def list_client_groups(self) -> list[ClientGroup]:
        """Return all client groups but ``$all``, in the order of their names."""
        from azmqtt._namespace_types import ClientGroup

        return [ClientGroup(name, query, description) for name, description, query in self._core.client_groups()]

    def delete_client_group(self, name: str) -> None:
        """Delete a client group.

        Raises:
            LookupError: The group does not exist.
            ValueError: A permission binding uses it.
        """
        self._check_running()
        _check_deleted("client group", name, deleted=self._core.delete_client_group(name))

    def create_topic_space(self, name: str, topic_templates: Sequence[str], *, description: str = "") -> TopicSpace:
        """Create a topic space.

        Args:
            name: 3 to 50 letters, digits and hyphens.
            topic_templates: 1 to 10 topic filters. In a level, ``${client.authenticationName}`` and
                ``${client.attributes.key}`` are replaced by the values of the client.
            description: A human-readable description.

        Raises:
            ValueError: The space already exists, the namespace has 10, or an argument is invalid.
        """
        self._check_running()
        _check_new("topic space", name, self.list_topic_spaces())
        self._core.put_topic_space(name, _templates(topic_templates), description)
        return self.get_topic_space(name)

    def update_topic_space(
        self, name: str, *, topic_templates: Sequence[str] | None = None, description: str | None = None
    ) -> TopicSpace:
        """Change a topic space; fields that are not given stay as they are.

        Sessions that lose the right to one of their subscriptions end.

        Raises:
            LookupError: The space does not exist.
            ValueError: An argument is invalid.
        """
        self._check_running()
        old = self.get_topic_space(name)
        templates = _templates(_else(topic_templates, old.topic_templates))
        self._core.put_topic_space(name, templates, _else(description, old.description))
        return self.get_topic_space(name)

    def get_topic_space(self, name: str) -> TopicSpace:
        """Return a topic space.

        Raises:
            LookupError: The space does not exist.
        """
        return _named("topic space", name, self.list_topic_spaces())

    def list_topic_spaces(self) -> list[TopicSpace]:
        """Return all topic spaces, in the order of their names."""
        from azmqtt._namespace_types import TopicSpace

        spaces = self._core.topic_spaces()
        return [TopicSpace(name, tuple(templates), description) for name, description, templates in spaces]

    def delete_topic_space(self, name: str) -> None:
        """Delete a topic space.

        Raises:
            LookupError: The space does not exist.
            ValueError: A permission binding uses it.
        """
        self._check_running()
        _check_deleted("topic space", name, deleted=self._core.delete_topic_space(name))

    def create_permission_binding(
        self,
        name: str,
        *,
        client_group_name: str = "$all",
        topic_space_name: str,
        permission: Permission,
        description: str = "",
    ) -> PermissionBinding:
        """Allow the clients of a group to publish to the topics of a topic space, or to subscribe to them.

        Args:
            name: 3 to 50 letters, digits and hyphens.
            client_group_name: The client group; every client by default.
            topic_space_name: The topic space.
            permission: ``"Publisher"`` or ``"Subscriber"``.
            description: A human-readable description.

        Raises:
            ValueError: The binding already exists, the namespace has 100, or an argument is invalid.
            LookupError: The group or space does not exist.
        """
        self._check_running()
        _check_new("permission binding", name, self.list_permission_bindings())
        self._core.put_permission_binding(name, client_group_name, topic_space_name, permission, description)
        return self.get_permission_binding(name)

    def update_permission_binding(
        self,
        name: str,
        *,
        client_group_name: str | None = None,
        topic_space_name: str | None = None,
        permission: Permission | None = None,
        description: str | None = None,
    ) -> PermissionBinding:
        """Change a permission binding; fields that are not given stay as they are.

        Sessions that lose the right to one of their subscriptions end.

        Raises:
            LookupError: The binding, group or space does not exist.
            ValueError: An argument is invalid.
        """
        self._check_running()
        old = self.get_permission_binding(name)
        self._core.put_permission_binding(
            name,
            _else(client_group_name, old.client_group_name),
            _else(topic_space_name, old.topic_space_name),
            _else(permission, old.permission),
            _else(description, old.description),
        )
        return self.get_permission_binding(name)

    def get_permission_binding(self, name: str) -> PermissionBinding:
        """Return a permission binding.

        Raises:
            LookupError: The binding does not exist.
        """
        return _named("permission binding", name, self.list_permission_bindings())

    def list_permission_bindings(self) -> list[PermissionBinding]:
        """Return all permission bindings, in the order of their names."""
        from azmqtt._namespace_types import PermissionBinding

        return [
            PermissionBinding(name, group, space, permission, description)
            for name, description, (group, space, permission) in self._core.permission_bindings()
        ]

    def delete_permission_binding(self, name: str) -> None:
        """Delete a permission binding. Sessions that lose the right to one of their subscriptions end.

        Raises:
            LookupError: The binding does not exist.
        """
        self._check_running()
        _check_deleted("permission binding", name, deleted=self._core.delete_permission_binding(name))


T = TypeVar("T")


def _else(given: T | None, old: T) -> T:
    return old if given is None else given


def _check_new(kind: str, name: str, existing: Iterable[Resource]) -> None:
    if any(resource.name == name for resource in existing):
        raise ValueError(f"the {kind} {name} already exists")


def _named(kind: str, name: str, existing: Iterable[Resource]) -> Resource:
    for resource in existing:
        if resource.name == name:
            return resource
    raise LookupError(f"the {kind} {name} does not exist")


def _check_deleted(kind: str, name: str, *, deleted: bool) -> None:
    if not deleted:
        raise LookupError(f"the {kind} {name} does not exist")


def _templates(templates: Sequence[str]) -> list[str]:
    return list_of_texts("topic_templates", templates)
