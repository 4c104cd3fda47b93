"""Print every public name of the installed azure-iot-device, as JSON."""

import inspect
import json
import re

import azure.iot.device as sdk
from azure.iot.device import exceptions
from azure.iot.device.iothub import abstract_clients
from azure.iot.device.provisioning import abstract_provisioning_device_client


def members(cls: type) -> set[str]:
    """Methods and properties, and what the constructor sets."""
    set_here = re.findall(r"self\.([a-z]\w*) =", inspect.getsource(cls.__init__))
    return {name for name in [*dir(cls), *set_here] if not name.startswith("_")}


def options(module: object) -> set[str]:
    """The keyword arguments that the factories take."""
    source = inspect.getsource(module._validate_kwargs)
    return set(re.findall(r'"(\w+)",', source))


names = {*sdk.__all__} if hasattr(sdk, "__all__") else {name for name in vars(sdk) if name[0].isupper()}
names |= {name for name in vars(exceptions) if name[0].isupper()}
for cls in (
    sdk.IoTHubDeviceClient,
    sdk.IoTHubModuleClient,
    sdk.ProvisioningDeviceClient,
    sdk.Message,
    sdk.MethodRequest,
    sdk.MethodResponse,
    sdk.RegistrationResult,
):
    names |= members(cls)
names |= options(abstract_clients) | options(abstract_provisioning_device_client)
print(json.dumps(sorted(names)))
