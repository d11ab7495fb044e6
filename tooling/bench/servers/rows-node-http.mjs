// node:http with the writer that WRITER names: what a user of that library writes, or a careful user by hand.
import { createServer } from 'node:http'
import { Readable, pipeline } from 'node:stream'
import { format } from '@fast-csv/format'
import { stringify } from 'csv-stringify'
import Papa from 'papaparse'
import { drained } from './drained.mjs'
import { listening } from './listening.mjs'
import { csvBatches, jsonBatches, jsonRows, rows } from './rows-content.mjs'

const PAPA_ROWS = 1000

/** @type {Record<string, (res: import('node:http').ServerResponse) => unknown>} */
const writers = {
  'csv-stringify': (res) =>
    pipeline(
      Readable.from(rows()),
      stringify({ header: true, record_delimiter: '\r\n', quote_record_delimiter: true, cast: { boolean: String } }),
      res,
      ignoreLoss,
    ),
  'fast-csv': (res) =>
    pipeline(
      Readable.from(rows()),
      format({ headers: true, rowDelimiter: '\r\n', includeEndRowDelimiter: true }),
      res,
      ignoreLoss,
    ),
  papaparse: (res) => send(papaBatches(), res),
  'csv-by-hand': (res) => send(csvBatches(), res),
  'json-readable': (res) => pipeline(Readable.from(jsonRows()), res, ignoreLoss),
  'json-by-hand': (res) => send(jsonBatches(), res),
}

const write = writers[process.env.WRITER]
const server = createServer((req, res) => void write(res))
server.listen(0, '127.0.0.1', () => listening(server.address().port))

/** It has no stream: a user gives it a batch at a time. */
function* papaBatches() {
  let batch = []
  let header = true
  for (const row of rows()) {
    batch.push(row)
    if (batch.length < PAPA_ROWS) continue
    yield `${Papa.unparse(batch, { header })}\r\n`
    batch = []
    header = false
  }
  if (batch.length > 0) yield `${Papa.unparse(batch, { header })}\r\n`
}

/**
 * @param {Iterable<string>} source
 * @param {import('node:http').ServerResponse} res
 */
async function send(source, res) {
  for (const chunk of source) {
    if (!res.write(chunk)) await drained(res)
    if (res.destroyed) return
  }
  res.end()
}

/** A client that leaves early has destroyed the stream already; nothing is left to do. */
function ignoreLoss() {}
