"""What owns a connection or a port cannot be copied: the end of a copy would be the end of the original."""

from __future__ import annotations

import copy
import gc
import pickle

import paho.mqtt.client as mqtt
import pytest

from azmqtt.paho import TwinPatcher
from azmqtt.paho import client as drop_in

WAYS = [
    copy.copy,
    copy.deepcopy,
    pickle.dumps,
    lambda thing: copy.deepcopy([thing]),
    lambda thing: pickle.dumps(thing, 0),
]


@pytest.fixture(params=["client", "module", "hub", "stream", "drop-in", "patcher"])
def thing(request, hub):
    device_id = hub.create_device().device_id
    if request.param == "hub":
        yield hub
    elif request.param == "drop-in":
        yield drop_in.Client(drop_in.CallbackAPIVersion.VERSION2, "x")
    elif request.param == "patcher":
        yield TwinPatcher(mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "x"))
    else:
        with hub.device_client(device_id, module_id="m" if request.param == "module" else None) as client:
            client.connect()
            yield client.messages() if request.param == "stream" else client


@pytest.mark.parametrize("way", WAYS, ids=["copy", "deepcopy", "pickle", "deepcopy of a list", "pickle, protocol 0"])
def test_a_copy_is_refused(thing, way):
    with pytest.raises(TypeError, match=rf"a {type(thing).__name__} cannot be (copied|pickled): it owns"):
        way(thing)
    gc.collect()


def test_the_original_goes_on(hub):
    with hub.device_client(hub.create_device().device_id) as client:
        client.connect()
        with pytest.raises(TypeError):
            copy.copy(client)
        gc.collect()
        client.send_message("x")
