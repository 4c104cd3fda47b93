"""Microsoft's azure-mgmt-eventgrid against a local namespace whose operations last; prints what it saw as JSON."""

import json
import sys
import time

from azure.core.credentials import AccessToken
from azure.mgmt.eventgrid import EventGridManagementClient, models


class Static:
    """A credential that is there already."""

    def __init__(self, token):
        self.token = token

    def get_token(self, *_, **__):
        return AccessToken(self.token, int(time.time()) + 3600)


def main(url, resource_id, token, ca_file):
    _, _, subscription, _, group, _, _, _, name = resource_id.split("/")
    client = EventGridManagementClient(
        Static(token), subscription, base_url=url, connection_verify=ca_file, polling_interval=1
    )
    where = (group, name)
    seen = {}

    def state():
        return client.topic_spaces.get(*where, "space").provisioning_state

    poller = client.topic_spaces.begin_create_or_update(*where, "space", models.TopicSpace(topic_templates=["a"]))
    seen["creating"] = [state(), poller.status(), poller.done()]
    made = poller.result()
    seen["created"] = [made.provisioning_state, made.topic_templates, state(), poller.status()]
    poller = client.topic_spaces.begin_create_or_update(*where, "space", models.TopicSpace(topic_templates=["b"]))
    seen["updating"] = [state(), poller.done()]
    seen["updated"] = [poller.result().topic_templates, state()]
    poller = client.topic_spaces.begin_delete(*where, "space")
    seen["deleting"] = [poller.status(), poller.done()]
    poller.result()
    seen["deleted"] = [poller.status(), [each.name for each in client.topic_spaces.list_by_namespace(*where)]]
    patch = models.NamespaceUpdateParameters(tags={"a": "b"})
    poller = client.namespaces.begin_update(*where, patch)
    seen["patching"] = [client.namespaces.get(*where).provisioning_state, poller.done()]
    poller.result()
    seen["patched"] = [client.namespaces.get(*where).provisioning_state, client.namespaces.get(*where).tags]
    json.dump(seen, sys.stdout)


main(*sys.argv[1:])
