// Node's mqtt.js against a local namespace: one JSON document in, one out.
'use strict';

const { readFileSync } = require('node:fs');
const mqtt = require('mqtt');

const given = JSON.parse(process.argv[2]);

function address(who, more) {
  const scheme = given.transport === 'websockets' ? 'wss' : 'mqtts';
  const port = given.transport === 'websockets' ? given.https_port : given.port;
  return [`${scheme}://${given.host}:${port}/mqtt`, {
    clientId: who.id,
    protocolVersion: given.version,
    ca: readFileSync(given.ca),
    cert: readFileSync(who.certificate),
    key: readFileSync(who.key),
    reconnectPeriod: 0,
    properties: given.version === 5 ? { sessionExpiryInterval: 60 } : undefined,
    ...more,
  }];
}

const connected = (who, more) => mqtt.connectAsync(...address(who, more));

// The messages of a client, one after the other. They may come before CONNACK has been told of.
function arriving(client) {
  const waiting = [];
  const messages = [];
  client.on('message', (topic, payload, packet) => {
    const taker = waiting.shift();
    if (taker) taker(packet);
    else messages.push(packet);
  });
  return () => (messages.length ? Promise.resolve(messages.shift()) : new Promise((take) => waiting.push(take)));
}

async function refused(asked) {
  try {
    await asked;
    return 0;
  } catch (error) {
    return error.packet?.granted ?? error.code ?? String(error);
  }
}

async function main() {
  const said = {};
  const [one, two] = given.clients;
  const publisher = await connected(one, { will: { topic: 'contoso/will', payload: 'gone', qos: 1 } });
  let subscriber = await connected(two);
  let next = arriving(subscriber);
  said.subscribed = (await subscriber.subscribeAsync('contoso/#', { qos: 1 })).map((grant) => grant.qos);
  said.denied_subscribe = await refused(subscriber.subscribeAsync('elsewhere/#', { qos: 1 }));
  const properties = given.version === 5 ? { contentType: 'text/plain', userProperties: { a: 'b' } } : undefined;
  await publisher.publishAsync('contoso/0', 'zero', { qos: 0 });
  await publisher.publishAsync('contoso/1', 'one', { qos: 1, retain: true, properties });
  const [zero, message] = [await next(), await next()];
  said.received = [zero.payload.toString(), message.payload.toString(), message.qos];
  if (given.version === 5) {
    said.properties = [message.properties.contentType, { ...message.properties.userProperties }];
    said.shared = (await subscriber.subscribeAsync('$share/group/contoso/s', { qos: 1 })).map((grant) => grant.qos);
    said.denied_publish = await refused(publisher.publishAsync('elsewhere/1', 'denied', { qos: 1 }));
  }
  await subscriber.subscribeAsync('contoso/1', { qos: 1 });
  const kept = await next();
  said.retained = [kept.payload.toString(), kept.retain];
  await publisher.publishAsync('contoso/1', '', { qos: 1, retain: true });
  await next();
  // With its session kept, it comes back to what was published meanwhile.
  await subscriber.endAsync();
  subscriber = await connected(two, { clean: false });
  await subscriber.subscribeAsync('contoso/#', { qos: 1 });
  await subscriber.endAsync();
  await publisher.publishAsync('contoso/2', 'meanwhile', { qos: 1 });
  subscriber = mqtt.connect(...address(two, { clean: false }));
  next = arriving(subscriber);
  const connack = await new Promise((take) => subscriber.once('connect', take));
  said.session = [connack.sessionPresent, (await next()).payload.toString()];
  if (given.version === 4) {
    const closed = new Promise((take) => publisher.once('close', () => take('closed')));
    publisher.publish('elsewhere/1', 'denied', { qos: 1 });
    said.denied_publish = await closed;
  } else {
    publisher.stream.destroy();
  }
  said.will = (await next()).payload.toString();
  await subscriber.endAsync();
  return said;
}

setTimeout(() => {
  console.error('it takes too long');
  process.exit(1);
}, 60_000).unref();

main().then(
  (said) => {
    console.log(JSON.stringify(said));
    process.exit(0);
  },
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
