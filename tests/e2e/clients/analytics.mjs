// Runs the `sql` blocks of a page in DuckDB, in order, from the current folder; prints the rows of each query as one line of JSON.
//   node analytics.mjs PAGE
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';

const database = await (await DuckDBInstance.create(':memory:')).connect();
for (const [, sql] of readFileSync(process.argv[2], 'utf8').matchAll(/^```sql\n(.*?)^```/gms)) {
  if (!sql.startsWith('SELECT')) await database.run(sql);
  else console.log(JSON.stringify((await database.runAndReadAll(sql)).getRowObjectsJson()));
}
