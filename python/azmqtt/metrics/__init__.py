"""Statistics of clients for monitoring systems: :mod:`azmqtt.metrics.prometheus`, :mod:`azmqtt.metrics.opentelemetry`.

Each needs the client library of its system, which ``pip install 'azmqtt[prometheus]'`` or ``'azmqtt[opentelemetry]'``
installs.
"""
