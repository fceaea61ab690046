// Runs every scenario with every kind of client, and prints the table of docs/wire.md on standard output. Exit code 1 when one
// failed, with the reason on standard error.
//   node conformance.mjs BROKER_PORT WEBSOCKETS_PORT
import { MosquittoClients, MqttJs } from './drivers.mjs';
import { scenarios } from './scenarios.mjs';

const [brokerPort, websocketsPort] = process.argv.slice(2);

const kinds = [];
for (const qos of [0, 1]) {
  for (const [version, name] of [['mqttv311', '3.1.1'], ['mqttv5', '5']]) {
    kinds.push({ client: 'mosquitto_pub, mosquitto_sub', transport: 'TCP', mqtt: name, qos,
      make: () => new MosquittoClients({ port: brokerPort, version, qos }) });
  }
  for (const [version, name] of [[4, '3.1.1'], [5, '5']]) {
    for (const [transport, url] of [['TCP', `mqtt://127.0.0.1:${brokerPort}`],
                                    ['WebSockets', `ws://127.0.0.1:${websocketsPort}/mqtt`]]) {
      kinds.push({ client: 'MQTT.js', transport, mqtt: name, qos, make: () => new MqttJs({ url, version, qos }) });
    }
  }
}

async function connect(kind, user) {
  const client = kind.make();
  await client.connect();
  await client.subscribe(`chat/messages/${user}`, 'chat/messages/all');
  return { user, client };
}

async function run(kind, index) {
  const users = {};
  for (const name of ['fredy', 'david', 'anna']) users[name] = await connect(kind, `${name}-${index}`);
  const results = [];
  for (const [number, [name, scenario]] of Object.entries(scenarios).entries()) {
    try {
      await scenario({ ...users, id: `m-${index}-${number}` });
      results.push('ok');
    } catch (error) {
      results.push('FAILED');
      process.exitCode = 1;
      console.error(`${kind.client}, ${kind.transport}, MQTT ${kind.mqtt}, QoS ${kind.qos}: ${name}: ${error.message}`);
    }
  }
  for (const { client } of Object.values(users)) await client.end();
  return results;
}

const results = [];
for (const [index, kind] of kinds.entries()) results.push(await run(kind, index));

const row = (...cells) => console.log(`| ${cells.join(' | ')} |`);
row('client', 'transport', 'MQTT', 'QoS', ...Object.keys(scenarios));
row('---', '---', '---', '---', ...Object.keys(scenarios).map(() => '---'));
for (const [index, { client, transport, mqtt, qos }] of kinds.entries()) row(client, transport, mqtt, qos, ...results[index]);
