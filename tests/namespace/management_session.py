"""Microsoft's azure-mgmt-eventgrid against a local namespace; prints what it saw as JSON. Nothing of ours is here."""

import json
import sys
import time

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.mgmt.eventgrid import EventGridManagementClient, models


class Static:
    """A credential that is there already."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *scopes, **_):
        assert scopes == ("https://management.azure.com/.default",), scopes
        return AccessToken(self.token, int(time.time()) + 3600)


def refused(call):
    try:
        call()
    except HttpResponseError as error:
        return [error.status_code, error.error.code]
    return None


def main(url, resource_id, token, ca_file, encoded):
    _, _, subscription, _, group, _, _, _, name = resource_id.split("/")
    client = EventGridManagementClient(Static(token), subscription, base_url=url, connection_verify=ca_file)
    where = (group, name)
    seen = {}
    namespace = client.namespaces.get(*where)
    seen["namespace"] = [namespace.name, namespace.type, namespace.topic_spaces_configuration.state]
    seen["listed"] = [each.id for each in client.namespaces.list_by_subscription()]
    seen["in group"] = [each.name for each in client.namespaces.list_by_resource_group(group)]
    configuration = models.TopicSpacesConfiguration(state="Enabled", maximum_client_sessions_per_authentication_name=3)
    made = models.Namespace(
        location="westus2",
        tags={"a": "b"},
        sku=models.NamespaceSku(name="Standard", capacity=1),
        topic_spaces_configuration=configuration,
    )
    put = client.namespaces.begin_create_or_update(*where, made).result()
    seen["put"] = [put.location, put.topic_spaces_configuration.maximum_client_sessions_per_authentication_name]
    patch = models.NamespaceUpdateParameters(tags={"c": "d"})
    patched = client.namespaces.begin_update(*where, patch).result() or client.namespaces.get(*where)
    seen["patched"] = [patched.tags, patched.provisioning_state]

    ca = models.CaCertificate(description="mine", encoded_certificate=encoded)
    ca = client.ca_certificates.begin_create_or_update(*where, "contoso-ca", ca).result()
    seen["ca"] = [ca.name, ca.provisioning_state, ca.expiry_time_in_utc > ca.issue_time_in_utc]
    for number in range(25):
        certificate = models.ClientCertificateAuthentication(validation_scheme="SubjectMatchesAuthenticationName")
        body = models.Client(
            authentication_name=f"pump-{number:02}",
            client_certificate_authentication=certificate,
            attributes={"floor": number, "kind": "pump", "tags": ["a", "b"]},
            state="Enabled",
        )
        client.clients.begin_create_or_update(*where, f"client-{number:02}", body).result()
    one = client.clients.get(*where, "client-07")
    seen["client"] = [one.authentication_name, one.attributes, one.client_certificate_authentication.validation_scheme]
    seen["system data"] = one.system_data.created_at is not None
    seen["clients"] = len(list(client.clients.list_by_namespace(*where)))
    listed = client.clients.list_by_namespace(*where, filter="contains(name, '-2')", top=2)
    seen["filtered"] = [each.name for each in listed]

    client_group = models.ClientGroup(query="attributes.kind = 'pump'")
    client_group = client.client_groups.begin_create_or_update(*where, "pumps", client_group).result()
    space = models.TopicSpace(topic_templates=["contosotopics/topic1"])
    space = client.topic_spaces.begin_create_or_update(*where, "ContosoTopicSpace", space).result()
    seen["group and space"] = [client_group.query, space.topic_templates]
    for permission in ("Publisher", "Subscriber"):
        binding = models.PermissionBinding(
            client_group_name="$all", topic_space_name="ContosoTopicSpace", permission=permission
        )
        binding_name = f"contoso{permission.lower()}binding"
        client.permission_bindings.begin_create_or_update(*where, binding_name, binding).result()
    seen["bindings"] = [each.name for each in client.permission_bindings.list_by_namespace(*where)]
    absent = models.PermissionBinding(client_group_name="absent", topic_space_name="absent", permission="Publisher")
    seen["refused"] = {
        "absent": refused(
            lambda: client.permission_bindings.begin_create_or_update(*where, "binding", absent).result()
        ),
        "used": refused(lambda: client.topic_spaces.begin_delete(*where, "ContosoTopicSpace").result()),
        "missing": refused(lambda: client.clients.get(*where, "nobody")),
        "elsewhere": refused(lambda: client.clients.get(group, "other", "nobody")),
    }
    client.clients.begin_delete(*where, "client-24").result()
    seen["deleted"] = refused(lambda: client.clients.get(*where, "client-24"))
    keys = client.namespaces.list_shared_access_keys(*where)
    seen["keys"] = bool(keys.key1 and keys.key2)
    if hasattr(models, "ClientAuthenticationSettings"):
        settings = models.ClientAuthenticationSettings(alternative_authentication_name_sources=["ClientCertificateDns"])
        configuration = models.UpdateTopicSpacesConfigurationInfo(client_authentication=settings)
        patch = models.NamespaceUpdateParameters(topic_spaces_configuration=configuration)
        client.namespaces.begin_update(*where, patch).result()
        authentication = client.namespaces.get(*where).topic_spaces_configuration.client_authentication
        seen["sources"] = authentication.alternative_authentication_name_sources
    json.dump(seen, sys.stdout)


main(*sys.argv[1:])
