"""The service's REST API, as back-end applications call it: what the commands and development clients need of it."""
