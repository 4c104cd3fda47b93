"""Use tokens from another service: the device has no key."""

import time

import azmqtt


def main() -> None:
    """Stay connected past the end of a token that lives for two seconds."""
    with azmqtt.LocalHub() as hub:
        key = hub.create_device("meter").connection_string.partition("SharedAccessKey=")[2]
        resource = f"{hub.hostname}/devices/meter"

        def ask_the_backend() -> str:
            # A real supplier sends an HTTPS request to a service that has the key. It may also be an `async def`.
            print("a new token is needed")
            return azmqtt.sas.generate(resource, key, ttl=3600)

        first = azmqtt.sas.generate(resource, key, ttl=2)
        with azmqtt.DeviceClient.from_sas_token(
            first, on_token_needed=ask_the_backend, port=hub.port, trust=hub.ca_file
        ) as meter:
            deadline = time.monotonic() + 10
            while meter.stats()["tokens_renewed"] == 0 and time.monotonic() < deadline:
                meter.send_message({"kWh": 17})
                time.sleep(0.1)
            print("tokens renewed:", meter.stats()["tokens_renewed"])
            print("connections lost:", meter.stats()["connections_lost"])


if __name__ == "__main__":
    main()
