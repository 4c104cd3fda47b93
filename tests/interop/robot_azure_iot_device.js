// A robot (see robot_lines.py) of the Node client of Microsoft's azure-iot-device, as it comes.
//
//     NODE_PATH=…/node_modules node robot_azure_iot_device.js
//
// Over WebSockets the client always says 443; the agent that it takes for proxies is given the port instead
// ("websocket_port").

'use strict';

const fs = require('fs');
const https = require('https');
const readline = require('readline');
const { NoRetry } = require('azure-iot-common');
const { Client, Message, ModuleClient } = require('azure-iot-device');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');

const methods = {
  reboot: () => [202, { accepted: true }],
  echo: (payload) => [200, payload],
};

let client;
let isModule;
let listen;
let listening;

function makeMessage(call) {
  const message = new Message('text' in call ? call.text : Buffer.from(call.base64, 'base64'));
  const names = {
    message_id: 'messageId',
    correlation_id: 'correlationId',
    user_id: 'userId',
    content_type: 'contentType',
    content_encoding: 'contentEncoding',
    expiry_time_utc: 'expiryTimeUtc',
  };
  for (const [name, value] of Object.entries(call.system || {})) message[names[name]] = value;
  for (const [name, value] of Object.entries(call.properties || {})) message.properties.add(name, value);
  if (call.security) message.setAsSecurityMessage();
  return message;
}

function describeMessage(message, input) {
  const properties = {};
  for (const { key, value } of message.properties.propertyList) properties[key] = value;
  return {
    text: message.getBytes().toString(),
    properties,
    input: input || null,
    message_id: message.messageId || null,
    correlation_id: message.correlationId || null,
    content_type: message.contentType || null,
    content_encoding: message.contentEncoding || null,
  };
}

const calls = {
  async make(call) {
    isModule = call.connection_string.includes('ModuleId=');
    const transport = call.options && call.options.websockets ? MqttWs : Mqtt;
    client = (isModule ? ModuleClient : Client).fromConnectionString(call.connection_string, transport);
    const options = { ca: fs.readFileSync(call.ca_file, 'utf8') };
    if (call.options && call.options.product_info) options.productInfo = call.options.product_info;
    if (call.model_id) options.modelId = call.model_id;
    if (call.token_renewal) options.tokenRenewal = call.token_renewal;
    if (transport === MqttWs) {
      options.mqtt = { webSocketAgent: new https.Agent({ port: call.websocket_port, ca: options.ca }) };
    }
    if (call.certificate) {
      options.cert = fs.readFileSync(call.certificate, 'utf8');
      options.key = fs.readFileSync(call.private_key, 'utf8');
      if (call.passphrase) options.passphrase = call.passphrase;
    }
    await client.setOptions(options);
    if (call.retry === false) client.setRetryPolicy(new NoRetry());
    client.on('error', (error) => say({ event: 'client error', value: error.name }));
    client.on('disconnect', () => say({ event: 'connected', value: false }));
    listen = call.listen || ['messages', 'desired', 'methods'];
    listening = false;
  },

  async connect(call) {
    await client.open();
    say({ event: 'connected', value: true });
    if (listening) return;
    listening = true;
    if (listen.includes('methods')) {
      for (const [name, answer] of Object.entries(methods)) {
        client[isModule ? 'onMethod' : 'onDeviceMethod'](name, (request, response) => {
          say({ event: 'method', value: [request.methodName, request.payload] });
          response.send(...answer(request.payload)).catch((error) => say({ event: 'no answer', value: error.name }));
        });
      }
    }
    if (listen.includes('messages')) {
      client.on(isModule ? 'inputMessage' : 'message', (...parts) => {
        const message = parts.pop();
        say({ event: 'message', value: describeMessage(message, parts[0]) });
        client.complete(message).catch((error) => say({ event: 'not completed', value: error.name }));
      });
    }
    if (listen.includes('desired')) {
      const twin = await client.getTwin();
      twin.on('properties.desired', (patch) => say({ event: 'desired', value: patch }));
      // There is no word of the subscription; this goes after it.
      await client.getTwin();
    }
  },

  // The session stays.
  async disconnect() {
    await client.close();
  },

  async shutdown() {
    if (!client) return;
    await client.close();
    client.removeAllListeners();
  },

  async send(call) {
    const message = makeMessage(call);
    await (call.output ? client.sendOutputEvent(call.output, message) : client.sendEvent(message));
  },

  async send_numbers(call) {
    const acknowledged = [];
    for (let number = call.first; number < call.first + call.count; number += 1) {
      try {
        await client.sendEvent(new Message(String(number)));
        acknowledged.push(number);
      } catch (error) {
        say({ event: 'not sent', value: [number, error.name] });
      }
    }
    return acknowledged;
  },

  async get_twin() {
    const { desired, reported } = (await client.getTwin()).properties;
    // Without its methods.
    return JSON.parse(JSON.stringify({ desired, reported }));
  },

  async patch_twin(call) {
    const { reported } = (await client.getTwin()).properties;
    await new Promise((resolve, reject) => {
      reported.update(call.patch, (error) => (error ? reject(error) : resolve()));
    });
  },
};

say({ event: 'ready', value: [] });
const lines = readline.createInterface({ input: process.stdin });
lines.on('line', async (line) => {
  const call = JSON.parse(line);
  try {
    say({ id: call.id, result: (await calls[call.call](call)) ?? null });
  } catch (error) {
    say({ id: call.id, error: error.name, text: String(error.message) });
  }
});
lines.on('close', () => process.exit(0));
