// A session of Microsoft's azure-iot-provisioning-service for Node, as it comes, against a local provisioning service.
//
//     NODE_PATH=…/node_modules NODE_EXTRA_CA_CERTS=… node azure_iot_provisioning_service_session.js CONNECTION_STRING
//
// It knows no other port than 443. Prints one JSON object with what it saw.

'use strict';

const { ProvisioningServiceClient } = require('azure-iot-provisioning-service');

const client = ProvisioningServiceClient.fromConnectionString(process.argv[2]);

// Of a call that should fail.
const failure = (promise) => promise.then(
  () => 'it did not fail',
  (error) => [error.name, JSON.parse(error.responseBody).errorCode],
);

async function main() {
  const seen = {};
  const keys = { primaryKey: 'cHJpbWFyeS1rZXktb2YtYS10ZXN0', secondaryKey: 'c2Vjb25kYXJ5LWtleS1vZi1hLXRlc3Q=' };
  const made = (await client.createOrUpdateIndividualEnrollment({
    registrationId: 'n-1',
    deviceId: 'kitchen',
    attestation: { type: 'symmetricKey', symmetricKey: keys },
    provisioningStatus: 'disabled',
    initialTwin: { tags: { room: 7 }, properties: { desired: { interval: 5 } } },
  })).responseBody;
  seen.made = [made.registrationId, made.deviceId, made.provisioningStatus, made.allocationPolicy];
  const got = (await client.getIndividualEnrollment('n-1')).responseBody;
  seen.got = [got.attestation, got.initialTwin];
  seen.mechanism = (await client.getIndividualEnrollmentAttestationMechanism('n-1')).responseBody;
  seen.again = await failure(client.createOrUpdateIndividualEnrollment({ ...got, etag: undefined }));
  const changed = (await client.createOrUpdateIndividualEnrollment({ ...got, provisioningStatus: 'enabled' }));
  seen.changed = changed.responseBody.provisioningStatus;
  seen.stale = await failure(client.createOrUpdateIndividualEnrollment(got));
  seen.unknown = await failure(client.getIndividualEnrollment('nobody'));

  const attestation = { type: 'symmetricKey' };
  const group = { enrollmentGroupId: 'fleet', attestation, provisioningStatus: 'enabled' };
  seen.group = (await client.createOrUpdateEnrollmentGroup(group)).responseBody.enrollmentGroupId;
  const mechanism = (await client.getEnrollmentGroupAttestationMechanism('fleet')).responseBody;
  seen.groupKey = mechanism.symmetricKey.primaryKey;
  await client.createOrUpdateEnrollmentGroup({ enrollmentGroupId: 'gone', attestation });
  const gone = (await client.getEnrollmentGroup('gone')).responseBody;
  await client.deleteEnrollmentGroup(gone);
  seen.gone = await failure(client.getEnrollmentGroup('gone'));
  await client.createOrUpdateIndividualEnrollment({ registrationId: 'n-2', attestation });
  await client.deleteIndividualEnrollment('n-2');
  seen.removed = await failure(client.getIndividualEnrollment('n-2'));

  const many = ['b-1', 'b-2', 'b-3'].map((registrationId) => ({ registrationId, attestation }));
  // Its promise never resolves, only its callback is called.
  const bulk = (mode, enrollments) => new Promise((resolve, reject) => {
    const done = (error, result) => (error ? reject(error) : resolve(result));
    client.runBulkEnrollmentOperation({ mode, enrollments }, done);
  });
  const { errors, isSuccessful } = await bulk('create', many);
  seen.bulk = [isSuccessful, errors, (await bulk('create', many.slice(0, 1))).errors];
  const query = client.createIndividualEnrollmentQuery({ query: '*' }, 2);
  seen.pages = [];
  while (query.hasMoreResults) {
    // By promise it begins anew unless it is told where to go on.
    seen.pages.push((await query.next(query.continuationToken)).responseBody.map((enrollment) => enrollment.registrationId));
  }
  seen.bulkRemoved = (await bulk('delete', many)).isSuccessful;
  const groups = await client.createEnrollmentGroupQuery({ query: 'SELECT * FROM enrollmentGroups' }).next();
  seen.groups = groups.responseBody.map((found) => found.enrollmentGroupId);

  const registration = (await client.getDeviceRegistrationState('tram')).responseBody;
  seen.registration = [registration.registrationId, registration.deviceId, registration.status];
  const specification = { query: '*' };
  const registrations = await client.createEnrollmentGroupDeviceRegistrationStateQuery(specification, 'trams').next();
  seen.registrations = registrations.responseBody.map((found) => found.registrationId);
  await client.deleteDeviceRegistrationState(registration);
  seen.forgotten = await failure(client.getDeviceRegistrationState('tram'));
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
