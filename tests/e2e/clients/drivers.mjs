// Chat clients that are not ours, behind one face: connect as a user, subscribe, publish, see what arrived.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import mqtt from 'mqtt';

const LIMIT_MS = 60_000; // generous: it matters only when a test fails
const POLL_MS = 50;

export async function eventually(what, condition) {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

class Client {
  received = [];

  async waitFor(what, predicate) {
    return eventually(what, () => this.received.find(predicate));
  }

  take(payload) {
    try {
      this.received.push(JSON.parse(payload));
    } catch {
      this.received.push({ unreadable: payload });
    }
  }
}

// MQTT.js (npm). One connection for both directions, as a browser or an app would.
export class MqttJs extends Client {
  constructor({ url, version, qos }) {
    super();
    Object.assign(this, { url, version, qos });
  }

  async connect() {
    this.client = await mqtt.connectAsync(this.url, { protocolVersion: this.version });
    this.client.on('message', (_topic, payload) => this.take(payload.toString()));
  }

  async subscribe(...topics) {
    await this.client.subscribeAsync(topics, { qos: this.qos });
  }

  async publish(topic, payload) {
    await this.client.publishAsync(topic, JSON.stringify(payload), { qos: this.qos });
  }

  async end() {
    await this.client.endAsync();
  }
}

// mosquitto_sub and mosquitto_pub (Debian's mosquitto-clients): one process that listens, one for each message.
export class MosquittoClients extends Client {
  constructor({ port, version, qos }) {
    super();
    this.options = ['-h', '127.0.0.1', '-p', String(port), '-V', version, '-q', String(qos)];
  }

  async connect() {}

  async subscribe(...topics) {
    const filters = topics.flatMap((topic) => ['-t', topic]);
    // -d makes it say when the broker has confirmed; stdbuf makes it say so at once.
    this.listener = spawn('stdbuf', ['-oL', 'mosquitto_sub', '-d', ...this.options, ...filters], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let subscribed = false;
    createInterface({ input: this.listener.stdout }).on('line', (line) => {
      if (line.startsWith('Subscribed')) subscribed = true;
      if (line.startsWith('{')) this.take(line);
    });
    await eventually('the subscription of mosquitto_sub', () => subscribed);
  }

  async publish(topic, payload) {
    const publisher = spawn('mosquitto_pub', [...this.options, '-t', topic, '-m', JSON.stringify(payload)], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [code] = await once(publisher, 'exit');
    if (code !== 0) throw new Error(`mosquitto_pub ended with ${code}`);
  }

  async end() {
    this.listener?.kill();
  }
}
