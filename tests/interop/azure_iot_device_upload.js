// An upload by Microsoft's azure-iot-device for Node, as it comes, against a hub on port 443.
//
//     NODE_PATH=…/node_modules NODE_EXTRA_CA_CERTS=… node azure_iot_device_upload.js CONNECTION_STRING
//
// It asks for a place, puts the blob there and notifies the hub, all over HTTPS; it does not connect over MQTT.

'use strict';

const { Readable } = require('stream');
const { Client } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');

async function main() {
  const client = Client.fromConnectionString(process.argv[2], Mqtt);
  const content = Buffer.from('by the SDK');
  await client.uploadToBlob('folder/notes.txt', Readable.from([content], { objectMode: false }), content.length);
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
