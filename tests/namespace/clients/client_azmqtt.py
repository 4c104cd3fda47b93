"""``azmqtt.MqttClient`` against a local namespace: one JSON document in, one out, as the other clients."""

import json
import sys
import threading

import azmqtt

LONG = 20


def client(given, who, *, clean=True, **options):
    """Return a client as the others are."""
    websocket = given["transport"] == "websockets"
    return azmqtt.MqttClient(
        given["host"],
        who["id"],
        port=given["https_port" if websocket else "port"],
        websocket=websocket,
        protocol=given["version"],
        certificate=who["certificate"],
        private_key=who["key"],
        trust=given["ca"],
        clean_start=clean,
        session_expiry=60,
        **options,
    )


def refused(call):
    """Return the codes of a refusal."""
    try:
        call()
    except azmqtt.SubscribeRefused as error:
        return list(error.reason_codes)
    except azmqtt.PublishRefused as error:
        return error.reason_code
    except azmqtt.Error:
        return "closed"
    return None


def main(given):
    """Try each feature; return what came of it."""
    said = {}
    one, two = given["clients"]
    is_v5 = given["version"] == 5
    will = azmqtt.Will("contoso/will", b"gone", qos=1)
    publisher, subscriber = client(given, one, will=will), client(given, two)
    messages = subscriber.messages(timeout=LONG)
    said["subscribed"] = list(subscriber.subscribe("contoso/#"))
    said["denied_subscribe"] = refused(lambda: subscriber.subscribe("elsewhere/#"))
    publisher.publish("contoso/0", "zero", qos=0)
    more = {"content_type": "text/plain", "user_properties": [("a", "b")]} if is_v5 else {}
    publisher.publish("contoso/1", "one", **more)
    zero, message = next(messages), next(messages)
    said["received"] = [zero.text(), message.text(), message.qos]
    if is_v5:
        said["properties"] = [message.content_type, [list(pair) for pair in message.user_properties]]
        said["shared"] = list(subscriber.subscribe("$share/group/contoso/s"))
        said["denied_publish"] = refused(lambda: publisher.publish("elsewhere/1", b""))
    publisher.publish("contoso/kept", "one", retain=True)
    next(messages)
    subscriber.subscribe("contoso/kept")
    kept = next(messages)
    said["retained"] = [kept.text(), kept.retain]
    # With its session kept, it comes back to what was published meanwhile.
    subscriber.close()
    subscriber = client(given, two, clean=False)
    subscriber.subscribe("contoso/#", **({"retain_handling": 2} if is_v5 else {}))
    subscriber.close()
    publisher.publish("contoso/2", "meanwhile")
    subscriber = client(given, two, clean=False)
    messages = subscriber.messages(timeout=LONG)
    subscriber.connect()
    said["session"] = [True, next(each for each in messages if each.topic == "contoso/2").text()]
    # The namespace ends the connection, and the client has no way to say goodbye.
    changes = publisher.state_changes(timeout=LONG)
    denied = threading.Thread(
        target=lambda: refused(lambda: publisher.publish("elsewhere/1", b"", qos=0 if is_v5 else 1, timeout=LONG))
    )
    denied.start()
    next(change for change in changes if change.state == "reconnecting")
    said.setdefault("denied_publish", "closed")
    publisher.close(timeout=0)
    denied.join()
    said["will"] = next(each for each in messages if each.topic == "contoso/will").text()
    subscriber.close()
    publisher.close()
    return said


print(json.dumps(main(json.loads(sys.argv[1]))))
