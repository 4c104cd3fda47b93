"""Keep the device's key in a TPM or HSM, which only signs with it."""

import asyncio
import base64
import hmac

import azmqtt


class SoftwareHsm:
    """A stand-in for the hardware; a real program calls the hardware's library."""

    def __init__(self, key: str) -> None:
        """Store the key."""
        self._key = base64.b64decode(key)

    async def hmac_sha256(self, data: bytes) -> bytes:
        """Sign; real hardware takes a while, too."""
        await asyncio.sleep(0.05)
        return hmac.digest(self._key, data, "sha256")


def main() -> None:
    """Connect a device whose key the client never sees."""
    with azmqtt.LocalHub() as hub:
        device = hub.create_device("gateway")
        hsm = SoftwareHsm(device.connection_string.partition("SharedAccessKey=")[2])
        with azmqtt.DeviceClient.from_signer(
            hub.hostname, "gateway", hsm.hmac_sha256, port=hub.port, trust=hub.ca_file
        ) as gateway:
            gateway.send_message("signed in hardware")
        print(hub.wait_for_telemetry("gateway")[0].text)


if __name__ == "__main__":
    main()
