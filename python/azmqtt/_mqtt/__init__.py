"""A client of any MQTT broker."""
