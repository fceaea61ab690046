// Loads what `hermes export` wrote into DuckDB and prints what it holds, one JSON object:
//   node exports.mjs FOLDER     with chat_messages.csv, message_status.csv and log.jsonl in it
import { DuckDBInstance } from '@duckdb/node-api';

const folder = process.argv[2];
const database = await (await DuckDBInstance.create(':memory:')).connect();
const rows = async (sql) => (await database.runAndReadAll(sql)).getRowObjectsJson();

await database.run(`CREATE TABLE chat_messages AS SELECT * FROM read_csv('${folder}/chat_messages.csv', header = true)`);
await database.run(`CREATE TABLE message_status AS SELECT * FROM read_csv('${folder}/message_status.csv', header = true)`);
await database.run(`CREATE TABLE log AS SELECT * FROM read_json('${folder}/log.jsonl', format = 'newline_delimited')`);

console.log(JSON.stringify({
  contents: (await rows('SELECT content FROM chat_messages ORDER BY message_id')).map((row) => row.content),
  // The foreign key holds in what was exported.
  orphans: Number((await rows('SELECT count(*) AS n FROM message_status ANTI JOIN chat_messages USING (message_id)'))[0].n),
  statuses: Object.fromEntries((await rows('SELECT status, count(*) AS n FROM message_status GROUP BY 1 ORDER BY 1'))
    .map((row) => [row.status, Number(row.n)])),
  events: Object.fromEntries((await rows('SELECT event_type, count(*) AS n FROM log GROUP BY 1 ORDER BY 1'))
    .map((row) => [row.event_type, Number(row.n)])),
  created_at_type: (await rows("SELECT typeof(created_at) AS t FROM chat_messages LIMIT 1"))[0]?.t,
}));
