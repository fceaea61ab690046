// What clients written for an earlier server do, as it must go on working. Each scenario gets three users with a client of one
// kind each: fredy sends; david and anna listen on their own topic and on the broadcast's.
import { expectRejected, expectRows, expectStatuses } from './database.mjs';

const ROOT = 'chat/messages';

export function messageFrom(sender, receiver, id, more = {}) {
  return {
    type: 'message', message_id: id, sender_id: sender.user, sender_name: 'Somebody', receiver_id: receiver,
    content: `Hello from ${sender.user}`, message_type: 'text', timestamp: '2026-01-31T12:00:00.123456', ...more,
  };
}

const receiptBy = (reader, status, id) => ({
  type: 'status', message_id: id, status, user_id: reader.user, timestamp: '2026-01-31T12:00:02',
});

// Older clients publish everything twice: to the receiver's topic and to the root.
async function publishTwice(sender, receiver, message) {
  await sender.client.publish(`${ROOT}/${receiver}`, message);
  await sender.client.publish(ROOT, message);
}

const acknowledged = (sender, id) =>
  sender.client.waitFor(`the acknowledgement of ${id}`, (m) => m.status === 'received_by_server' && m.message_id === id);
const arrived = (reader, id) =>
  reader.client.waitFor(`${id} at ${reader.user}`, (m) => m.content !== undefined && m.message_id === id);

export const scenarios = {
  'double publish: one message': async ({ fredy, david, id }) => {
    await publishTwice(fredy, david.user, messageFrom(fredy, david.user, id));
    await arrived(david, id);
    await acknowledged(fredy, id);
    await expectRows(`SELECT sender_id || ' ' || receiver_id FROM chat_messages WHERE message_id = '${id}'`,
      `${fredy.user} ${david.user}`);
    await expectStatuses(id, `sent:${fredy.user}`, 'received_by_server:server');
  },

  'broadcast to all': async ({ fredy, david, anna, id }) => {
    await publishTwice(fredy, 'all', messageFrom(fredy, 'all', id));
    for (const reader of [david, anna]) {
      await arrived(reader, id);
      await reader.client.publish(`${ROOT}/${fredy.user}`, receiptBy(reader, 'read', id));
    }
    await acknowledged(fredy, id);
    await fredy.client.waitFor('the read receipts', (m) => m.status === 'read' && m.user_id === anna.user);
    await expectStatuses(id, `sent:${fredy.user}`, 'received_by_server:server', `read:${david.user}`, `read:${anna.user}`);
  },

  'receipt before its message': async ({ fredy, david, id }) => {
    await david.client.publish(`${ROOT}/${fredy.user}`, receiptBy(david, 'read', id));
    await expectRows(`SELECT count(*) FROM parked_events WHERE message_id = '${id}'`, '1');
    await publishTwice(fredy, david.user, messageFrom(fredy, david.user, id));
    await expectStatuses(id, `sent:${fredy.user}`, 'received_by_server:server', `read:${david.user}`);
    await expectRows(`SELECT count(*) FROM parked_events WHERE message_id = '${id}'`, '0');
  },

  'repeated and late receipts': async ({ fredy, david, id }) => {
    await publishTwice(fredy, david.user, messageFrom(fredy, david.user, id));
    await acknowledged(fredy, id);
    for (const status of ['read', 'read', 'delivered', 'read', 'delivered']) {
      await david.client.publish(`${ROOT}/${fredy.user}`, receiptBy(david, status, id));
    }
    await expectStatuses(id, `sent:${fredy.user}`, 'received_by_server:server', `read:${david.user}`, `delivered:${david.user}`);
  },

  'naive timestamp: taken as UTC': async ({ fredy, david, id }) => {
    await publishTwice(fredy, david.user, messageFrom(fredy, david.user, id, { timestamp: '2026-01-31T12:00:00.123456' }));
    await expectRows(`SELECT occurred_at AT TIME ZONE 'UTC' FROM event_log WHERE stream_id = 'message/${id}' AND version = 0`,
      '2026-01-31 12:00:00.123456');
  },

  'no type: a message': async ({ fredy, david, id }) => {
    await publishTwice(fredy, david.user, messageFrom(fredy, david.user, id, { type: undefined }));
    await acknowledged(fredy, id);
    await expectStatuses(id, `sent:${fredy.user}`, 'received_by_server:server');
  },

  "sender's receipt for its own broadcast": async ({ fredy, david, id }) => {
    await publishTwice(fredy, 'all', messageFrom(fredy, 'all', id));
    await acknowledged(fredy, id);
    // It listens on the broadcast's topic too, and answers itself as it answers everybody.
    await fredy.client.publish(`${ROOT}/${fredy.user}`, receiptBy(fredy, 'read', id));
    await david.client.publish(`${ROOT}/${fredy.user}`, receiptBy(david, 'read', id));
    await expectStatuses(id, `sent:${fredy.user}`, 'received_by_server:server', `read:${david.user}`);
    await expectRejected(id, 'own_broadcast_receipt');
  },
};
