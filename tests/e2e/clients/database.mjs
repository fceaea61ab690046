// Asks the database through psql (PGHOST and its kin are in the environment).
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { eventually } from './drivers.mjs';

const run = promisify(execFile);

export async function sql(query) {
  const { stdout } = await run('psql', ['-AtqX', '-c', query]);
  return stdout.trim();
}

export async function expectRows(query, expected) {
  let actual;
  try {
    await eventually('rows', async () => (actual = await sql(query)) === expected);
  } catch {
    throw new Error(`${query}\n  expected: ${expected}\n  actual:   ${actual}`);
  }
}

// "sent:fredy read:david ...", in alphabetical order.
export function expectStatuses(id, ...expected) {
  return expectRows(
    `SELECT string_agg(status || ':' || user_id, ' ' ORDER BY status COLLATE "C", user_id COLLATE "C")
       FROM message_status WHERE message_id = '${id}'`,
    expected.sort().join(' '),
  );
}

export function expectRejected(id, reason) {
  return expectRows(`SELECT DISTINCT reason FROM rejected_events WHERE message_id = '${id}'`, reason);
}
