// The table that every contestant of the rows exports. One module, so that no contestant can have a cheaper source than another.

export const ROWS = 1_000_000

/** A million records, as an ORM or a cursor gives them. */
export function* rows() {
  for (let i = 0; i < ROWS; i++) {
    yield { id: i, name: `customer ${i}`, value: ((i * 7919) % 1_000_000) / 100, ok: i % 2 === 0 }
  }
}

export const CSV_HEADER = 'id,name,value,ok\r\n'

/**
 * A record as people write it by hand. No text of this table needs quotes, and nobody looks.
 * @param {{ id: number, name: string, value: number, ok: boolean }} row
 */
function csvByHand(row) {
  return `${row.id},${row.name},${row.value},${row.ok}\r\n`
}

/** The CSV of the table, a record at a time, by hand. */
export function* csvRows() {
  yield CSV_HEADER
  for (const row of rows()) yield csvByHand(row)
}

/** The JSON lines of the table. */
export function* jsonRows() {
  for (const row of rows()) yield `${JSON.stringify(row)}\n`
}

const BATCH_LENGTH = 64 * 1024

/** The same in strings of 64 KiB, joined in the loop that makes them. */
export function* csvBatches() {
  let batch = CSV_HEADER
  for (const row of rows()) {
    batch += csvByHand(row)
    if (batch.length < BATCH_LENGTH) continue
    yield batch
    batch = ''
  }
  yield batch
}

export function* jsonBatches() {
  let batch = ''
  for (const row of rows()) {
    batch += `${JSON.stringify(row)}\n`
    if (batch.length < BATCH_LENGTH) continue
    yield batch
    batch = ''
  }
  yield batch
}
