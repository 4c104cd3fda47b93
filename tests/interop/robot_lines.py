"""What the robots of azure-iot-device have in common: their lines on standard input and output, and what a message is.

A robot is a device application under remote control. Each line that it reads is a call, ``{"id": 1, "call": "send",
...}``; each line that it writes is an answer, ``{"id": 1, "result": ...}`` or ``{"id": 1, "error": "TypeName"}``, or
something that came to the device, ``{"event": "desired", "value": ...}``.
"""

import base64
import json
import threading
from pathlib import Path

from azure.iot.device import X509, Message

_writing = threading.Lock()


def say(**line: object) -> None:
    """Write a line; handlers do so from threads of their own."""
    with _writing:
        print(json.dumps(line), flush=True)


def make_message(call: dict) -> Message:
    """Build a message out of the call's fields; ``text`` or ``base64`` is its body."""
    message = Message(call["text"] if "text" in call else base64.b64decode(call["base64"]))
    for name, value in call.get("system", {}).items():
        setattr(message, name, value)
    message.custom_properties.update(call.get("properties", {}))
    if call.get("security"):
        message.set_as_security_message()
    return message


def describe_message(message: Message) -> dict:
    """Return what the application sees of a message."""
    return {
        "text": message.data.decode(),
        "properties": message.custom_properties,
        "input": message.input_name,
        "message_id": message.message_id,
        "correlation_id": message.correlation_id,
        "content_type": message.content_type,
        "content_encoding": message.content_encoding,
    }


def make_client(call: dict, device: type, module: type) -> object:
    """Make a client, which does not connect, of a connection string or a certificate."""
    options = {"server_verification_cert": Path(call["ca_file"]).read_text(), **call.get("options", {})}
    if "connection_string" in call:
        cls = module if "ModuleId=" in call["connection_string"] else device
        return cls.create_from_connection_string(call["connection_string"], **options)
    x509 = X509(call["certificate"], call["private_key"], call.get("passphrase"))
    if "module_id" in call:
        return module.create_from_x509_certificate(x509, call["host"], call["device_id"], call["module_id"], **options)
    return device.create_from_x509_certificate(x509, call["host"], call["device_id"], **options)


def method_answer(name: str, payload: object) -> tuple:
    """The methods that every robot has."""
    if name == "reboot":
        return 202, {"accepted": True}
    if name == "echo":
        return 200, payload
    return 404, {"message": "there is no such method"}
