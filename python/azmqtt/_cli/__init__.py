"""The command ``azmqtt``."""
