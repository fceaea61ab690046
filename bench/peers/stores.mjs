// One of the stores that hermes-bench peers measures Hermes beside. Connects as the PG* variables say.
//
//   node stores.mjs STORE setup
//   node stores.mjs STORE append PREFIX CONNECTIONS SECONDS          message PREFIX-0, PREFIX-1, ... until the time is over
//   node stores.mjs STORE read PREFIX CONNECTIONS SECONDS MESSAGES   one message after another, again from the first
//
// Prints {"done": messages, "seconds": elapsed}.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";

const env = process.env;
const url = `postgresql://${env.PGUSER}:${encodeURIComponent(env.PGPASSWORD)}@${env.PGHOST}:${env.PGPORT}/${env.PGDATABASE}`;
const content = "c".repeat(150);
const sent = (id) => ({ messageId: id, senderId: "fredy", senderName: "Fredy", receiverId: "david", content });

// As Emmett's documentation does it: one call appends the events of one stream in a transaction of its own.
const emmett = {
  async open(connections) {
    const { getPostgreSQLEventStore } = await import("@event-driven-io/emmett-postgresql");
    this.pool = new pg.Pool({ max: connections });
    this.store = getPostgreSQLEventStore(url, {
      schema: { autoMigration: "None" },
      connectionOptions: { pool: this.pool },
    });
  },
  setup() {
    return this.store.schema.migrate();
  },
  append(id) {
    return this.store.appendToStream(`message-${id}`, [
      { type: "MessageSent", data: sent(id) },
      { type: "MessageReceived", data: {} },
    ]);
  },
  async read(id) {
    return (await this.store.readStream(`message-${id}`)).events.length;
  },
  async close() {
    await this.store.close();
    await this.pool.end();
  },
};

// The SQL functions of Message DB. Both events are written in one transaction.
const messageDb = {
  async open(connections) {
    this.pool = new pg.Pool({ max: connections, options: "-c search_path=message_store" });
  },
  setup() {
    const scripts = path.dirname(createRequire(import.meta.url).resolve("@eventide/message-db/package.json"));
    execFileSync("bash", [path.join(scripts, "database/install.sh")], {
      env: { ...env, DATABASE_NAME: env.PGDATABASE, CREATE_DATABASE: "off" },
    });
  },
  async append(id) {
    const write = "SELECT write_message(gen_random_uuid()::text, $1, $2, $3::jsonb)";
    const client = await this.pool.connect();
    try {
      await client.query("BEGIN");
      await client.query({ name: "write", text: write, values: [`message-${id}`, "MessageSent", JSON.stringify(sent(id))] });
      await client.query({ name: "write", text: write, values: [`message-${id}`, "MessageReceived", "{}"] });
      await client.query("COMMIT");
    } finally {
      client.release();
    }
  },
  async read(id) {
    const text = "SELECT * FROM get_stream_messages($1)";
    return (await this.pool.query({ name: "read", text, values: [`message-${id}`] })).rowCount;
  },
  close() {
    return this.pool.end();
  },
};

// What the tables of chat programs look like, and what their clients do: a row and a commit for each message and each status.
export const chatTables = `
  CREATE TABLE chat_messages (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), message_id text NOT NULL UNIQUE, sender_id text NOT NULL,
    sender_name text NOT NULL, receiver_id text NOT NULL, content text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
  CREATE INDEX ON chat_messages (sender_id, receiver_id, created_at);
  CREATE TABLE message_status (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, message_id text NOT NULL, user_id text NOT NULL, status text NOT NULL,
    "timestamp" timestamptz NOT NULL DEFAULT now());
  CREATE INDEX ON message_status (message_id);`;
export const insertMessage = {
  name: "message",
  text: "INSERT INTO chat_messages (message_id, sender_id, sender_name, receiver_id, content) VALUES ($1, $2, $3, $4, $5)",
};
export const insertStatus = {
  name: "status",
  text: "INSERT INTO message_status (message_id, user_id, status) VALUES ($1, $2, $3)",
};

const rows = {
  async open(connections) {
    this.pool = new pg.Pool({ max: connections });
  },
  setup() {
    return this.pool.query(chatTables);
  },
  async append(id) {
    await this.pool.query({ ...insertMessage, values: [id, "fredy", "Fredy", "david", content] });
    await this.pool.query({ ...insertStatus, values: [id, "fredy", "sent"] });
    await this.pool.query({ ...insertStatus, values: [id, "server", "received_by_server"] });
  },
  async read(id) {
    const text = "SELECT * FROM message_status WHERE message_id = $1 ORDER BY id";
    return (await this.pool.query({ name: "read", text, values: [id] })).rowCount;
  },
  close() {
    return this.pool.end();
  },
};

const stores = { emmett, "message-db": messageDb, rows };

async function main([name, action, prefix, connections = "1", seconds, messages]) {
  const store = stores[name];
  await store.open(Number(connections));
  if (action === "setup") {
    await store.setup();
    return store.close();
  }
  await store[action === "read" ? "read" : "append"](action === "read" ? `${prefix}-0` : `${prefix}-warm-up`);
  const start = performance.now();
  const over = start + 1000 * Number(seconds);
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (performance.now() < over) {
      const id = `${prefix}-${action === "read" ? next++ % Number(messages) : next++}`;
      if (action === "append") await store.append(id);
      else if ((await store.read(id)) !== 2) throw new Error(`${id} does not have two events`);
      ++done;
    }
  };
  await Promise.all(Array.from({ length: Number(connections) }, worker));
  console.log(JSON.stringify({ done, seconds: (performance.now() - start) / 1000 }));
  return store.close();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
