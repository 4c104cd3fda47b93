"""Send a request over MQTT 5 and receive the response: ``python mqtt_request_response.py HOST PORT CA_FILE``."""

import sys

import azmqtt


def main(hostname: str = "localhost", port: str = "8883", ca_file: str | None = None) -> None:
    """Run a service and send it a request, with separate clients."""
    with (
        azmqtt.MqttClient(hostname, "converter", port=int(port), trust=ca_file) as service,
        azmqtt.MqttClient(hostname, "console", port=int(port), trust=ca_file) as console,
    ):

        @service.on_message("convert/fahrenheit")
        def convert(request: azmqtt.MqttMessage) -> None:
            # The response goes to the request's response topic, with its correlation data.
            service.respond(request, {"fahrenheit": request.json()["celsius"] * 9 / 5 + 32})

        service.subscribe("convert/fahrenheit")

        for celsius in (-40, 0, 100):
            answer = console.request("convert/fahrenheit", {"celsius": celsius}, timeout=10)
            print(celsius, "degrees Celsius are", answer.json()["fahrenheit"], "degrees Fahrenheit")

        try:
            console.request("convert/kelvin", {"celsius": 0}, timeout=0.5)
        except azmqtt.RequestTimeout as error:
            print("nobody converts to kelvin:", error)


if __name__ == "__main__":
    main(*sys.argv[1:])
