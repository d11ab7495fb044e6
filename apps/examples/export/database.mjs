// A real database in a file: SQLite, compiled to WebAssembly, so that nothing has to be built or downloaded at installation.
// better-sqlite3 and node:sqlite give the same cursor by the same word, `prepare(sql).iterate()`, and run faster.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'

const CUSTOMERS = 1000

/** Orders of a thousand customers: each customer has one of each day. */
const SCHEMA = `
  create table customers (id integer primary key, name text not null, city text);
  create table days (id integer primary key, day text not null, total real not null, paid integer not null);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < ${CUSTOMERS})
  insert into customers select i, 'customer ' || i, case i % 3 when 0 then 'Köln' when 1 then 'Paris, 2e' end from n;
`
const DAYS = `
  with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)
  insert into days select i, date('2024-01-01', '+' || i || ' days'), (i * 7919 % 100000) / 100.0, i % 2 from n;
`
const ORDERS = `
  select (days.id - 1) * ${CUSTOMERS} + customers.id as id, name, city, day, total, paid from days cross join customers
`

/**
 * @param {number} rows in the export; a multiple of a thousand.
 */
export async function openDatabase(rows) {
  const folder = await mkdtemp(join(tmpdir(), 'catzilla-export-'))
  const database = new sqlite.Database(join(folder, 'shop.db'))
  database.exec(SCHEMA)
  database.run(DAYS, [rows / CUSTOMERS])
  let open = 0
  return {
    rows,
    /** Cursors that are being read. */
    get open() {
      return open
    },
    /** A row at a time: the next is fetched when the reader has taken those before it. */
    *orders() {
      const statement = database.prepare(ORDERS)
      open++
      try {
        yield* statement.iterate()
      } finally {
        open--
        statement.finalize()
      }
    },
    async close() {
      database.close()
      await rm(folder, { recursive: true })
    },
  }
}
