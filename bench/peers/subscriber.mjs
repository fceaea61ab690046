// A chat server as one writes it first, with MQTT.js and pg: each message is a row, each status another, and its sender is told.
//
//   node subscriber.mjs PORT CONNECTIONS     prints "subscribed", and goes on until SIGTERM
//
// Connects as the PG* variables say.
import mqtt from "mqtt";
import pg from "pg";
import { insertMessage, insertStatus } from "./stores.mjs";

const [port, connections] = process.argv.slice(2);
const pool = new pg.Pool({ max: Number(connections) });
const client = mqtt.connect({ port: Number(port), clientId: "plain-subscriber", protocolVersion: 5 });

client.on("message", async (topic, payload) => {
  const message = JSON.parse(payload);
  if (message.status) return;
  const { message_id, sender_id, sender_name, receiver_id, content } = message;
  await pool.query({ ...insertMessage, values: [message_id, sender_id, sender_name, receiver_id, content] });
  await pool.query({ ...insertStatus, values: [message_id, sender_id, "sent"] });
  await pool.query({ ...insertStatus, values: [message_id, "server", "received_by_server"] });
  client.publish(`chat/messages/${sender_id}`, JSON.stringify({ message_id, status: "received_by_server", user_id: "server" }));
});
client.on("connect", async () => {
  await client.subscribeAsync("chat/messages/#", { qos: 1 });
  console.log("subscribed");
});
