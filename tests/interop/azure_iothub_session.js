// A session of Microsoft's azure-iothub for Node, the service's client, as it comes, against a hub's REST API.
//
//     NODE_PATH=…/node_modules NODE_EXTRA_CA_CERTS=… node azure_iothub_session.js CONNECTION_STRING LIVE_DEVICE
//
// It knows no other port than 443. Prints one JSON object with what it saw.

'use strict';

const { Client, Registry } = require('azure-iothub');

const [connectionString, live] = process.argv.slice(2);

// Of a call that should fail.
const failure = (promise) => promise.then(
  () => 'it did not fail',
  (error) => error.name,
);

async function main() {
  const registry = Registry.fromConnectionString(connectionString);
  const seen = {};

  const made = (await registry.create({ deviceId: 'n-1', status: 'enabled' })).responseBody;
  seen.made = [made.deviceId, made.status, made.authentication.type];
  seen.again = await failure(registry.create({ deviceId: 'n-1' }));
  const changed = (await registry.update({ ...made, status: 'disabled', statusReason: 'test' })).responseBody;
  seen.changed = [changed.status, changed.statusReason];
  seen.got = (await registry.get('n-1')).responseBody.status;
  seen.unknown = await failure(registry.get('nobody'));
  const bulk = (await registry.addDevices([{ deviceId: 'n-2' }, { deviceId: 'n-3' }])).responseBody;
  seen.bulk = [bulk.isSuccessful, bulk.errors];
  seen.listed = (await registry.list()).responseBody.map((device) => device.deviceId).sort();

  await registry.addModule({ deviceId: 'n-2', moduleId: 'm-1' });
  seen.modules = (await registry.getModulesOnDevice('n-2')).responseBody.map((module) => module.moduleId);

  const twin = (await registry.getTwin(live)).responseBody;
  const change = { tags: { room: 7 }, properties: { desired: { interval: 5 } } };
  const updated = (await registry.updateTwin(live, change, twin.etag)).responseBody;
  seen.twin = [updated.tags, updated.properties.desired.interval, updated.connectionState];
  seen.stale = await failure(registry.updateTwin(live, { tags: { room: 8 } }, twin.etag));
  const query = registry.createQuery('SELECT * FROM devices WHERE tags.room = 7', 1);
  seen.query = (await query.nextAsTwin()).result.map((found) => found.deviceId);

  const client = Client.fromConnectionString(connectionString);
  const method = { methodName: 'echo', payload: { n: 1 }, responseTimeoutInSeconds: 10 };
  seen.method = (await client.invokeDeviceMethod(live, method)).result;
  seen.offline = await failure(client.invokeDeviceMethod('n-2', method));

  seen.statistics = (await registry.getRegistryStatistics()).responseBody.totalDeviceCount;
  const removed = await registry.removeDevices([{ deviceId: 'n-2' }, { deviceId: 'n-3' }], true);
  seen.removed = removed.responseBody.isSuccessful;
  await registry.delete('n-1');
  seen.gone = await failure(registry.get('n-1'));
  process.stdout.write(JSON.stringify(seen) + '\n', () => process.exit(0));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
