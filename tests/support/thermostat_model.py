"""A model of IoT Plug and Play in DTDL: a controller of two thermostats."""

from __future__ import annotations

from typing import Any

CONTROLLER = "dtmi:com:example:TemperatureController;2"
THERMOSTAT = "dtmi:com:example:Thermostat;1"
SENSOR = "dtmi:com:example:Sensor;1"
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><b>bold</b>"

MODE: dict[str, Any] = {
    "@type": "Enum",
    "@id": "dtmi:com:example:Mode;1",
    "valueSchema": "integer",
    "enumValues": [{"name": "off", "enumValue": 0}, {"name": "eco", "displayName": {"en": "Saving"}, "enumValue": 1}],
}

SCHEDULE: dict[str, Any] = {
    "@type": "Object",
    "fields": [
        {"name": "from", "schema": "time"},
        {"name": "target", "displayName": "Target temperature", "schema": "double"},
        {"name": "days", "schema": {"@type": "Array", "elementSchema": "string"}},
        {
            "name": "limits",
            "schema": {
                "@type": "Map",
                "mapKey": {"name": "k", "schema": "string"},
                "mapValue": {"name": "v", "schema": "integer"},
            },
        },
    ],
}

CONTROLLER_FILE: dict[str, Any] = {
    "@context": "dtmi:dtdl:context;3",
    "@id": CONTROLLER,
    "@type": "Interface",
    "displayName": "Temperature Controller",
    "description": "Two thermostats and a fan.",
    "schemas": [MODE],
    "contents": [
        {"@type": "Property", "name": "serialNumber", "displayName": HOSTILE, "schema": "string"},
        {"@type": "Property", "name": "mode", "displayName": "Mode", "writable": True, "schema": MODE["@id"]},
        {"@type": "Property", "name": "schedule", "writable": True, "schema": SCHEDULE},
        {"@type": ["Telemetry", "DataSize"], "name": "workingSet", "unit": "kibibyte", "schema": "integer"},
        {"@type": "Command", "name": "reboot", "request": {"name": "delay", "schema": "duration"}},
        {"@type": "Command", "name": "count", "request": {"name": "start", "schema": "long"}},
        {"@type": "Component", "name": "thermostat1", "schema": THERMOSTAT},
        {"@type": "Component", "name": "thermostat2", "schema": THERMOSTAT},
        {"@type": "Relationship", "name": "rooms"},
    ],
}

THERMOSTAT_FILE: dict[str, Any] = {
    "@context": ["dtmi:dtdl:context;2"],
    "@id": THERMOSTAT,
    "@type": "Interface",
    "displayName": {"en": "Thermostat"},
    "extends": SENSOR,
    "contents": [
        {
            "@type": ["Telemetry", "Temperature"],
            "name": "temperature",
            "displayName": {"en": "Temperature"},
            "unit": "degreeCelsius",
            "schema": "double",
        },
        {
            "@type": ["Property", "Temperature"],
            "name": "targetTemperature",
            "displayName": "Target temperature",
            "description": "What the room is to have.",
            "unit": "degreeCelsius",
            "schema": "double",
            "writable": True,
        },
        {
            "@type": "Command",
            "name": "getMaxMinReport",
            "displayName": "Report",
            "request": {"name": "since", "displayName": "Since", "schema": "dateTime"},
            "response": {
                "name": "report",
                "schema": {
                    "@type": "Object",
                    "fields": [{"name": "maxTemp", "schema": "double"}, {"name": "since", "schema": "dateTime"}],
                },
            },
        },
    ],
}

SENSOR_FILE: dict[str, Any] = {
    "@context": "dtmi:dtdl:context;2",
    "@id": SENSOR,
    "@type": "Interface",
    "contents": [
        {
            "@type": ["Property", "Temperature"],
            "name": "maxTemp",
            "displayName": "Highest temperature",
            "unit": "degreeCelsius",
            "schema": "double",
        },
    ],
}
