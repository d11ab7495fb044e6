import { show } from '@catzilla/streaming/format'
import { jsonlError } from './errors.ts'
import type { Serialize, UndefinedRows } from './options.ts'

/**
 * Makes a line of each row, and knows the number of the row for its errors.
 *
 * The functions it returns throw `CZ_JSONL_ROW`, `CZ_JSONL_UNDEFINED`, `CZ_JSONL_BIGINT`, `CZ_JSONL_CIRCULAR`,
 * `CZ_JSONL_SERIALIZE` and `CZ_JSONL_NEWLINE`.
 */
export function jsonlEncoder(
  undefinedRows: UndefinedRows,
  serialize: Serialize<unknown> | undefined,
): (row: unknown) => string {
  return serialize === undefined ? defaultEncoder(undefinedRows) : checkedEncoder(undefinedRows, serialize)
}

/** JSON.stringify without indentation never writes a line end, so its text is not looked at again. */
function defaultEncoder(undefinedRows: UndefinedRows): (row: unknown) => string {
  let number = 0
  return (row) => {
    number++
    let text: string | undefined
    try {
      text = JSON.stringify(row) as string | undefined
    } catch (error) {
      throw explain(error, row, number)
    }
    if (text === undefined) return undefinedRow(undefinedRows, row, number)
    if (text === '{}' || ArrayBuffer.isView(row)) refuseUnwritten(row as object, number)
    return text + '\n'
  }
}

function checkedEncoder(undefinedRows: UndefinedRows, serialize: Serialize<unknown>): (row: unknown) => string {
  let number = 0
  return (row) => {
    number++
    let text: string | undefined
    try {
      text = serialize(row)
    } catch (cause) {
      throw serializeError(cause, number)
    }
    if (text === undefined) return undefinedRow(undefinedRows, row, number)
    if (typeof text !== 'string' || text === '') {
      const got = `${show(text)} of type ${typeof text}`
      throw jsonlError('CZ_JSONL_SERIALIZE', `serialize() must give the JSON of row ${number} (got ${got})`)
    }
    // CR too: legal between tokens of JSON, but readers that know CRLF may split there.
    if (text.includes('\n') || text.includes('\r')) {
      const what = `serialize() gave row ${number} a line end (${show(text)}), which would make two lines of it`
      throw jsonlError('CZ_JSONL_NEWLINE', `${what}; serialize without indentation`)
    }
    return text + '\n'
  }
}

function undefinedRow(policy: UndefinedRows, row: unknown, number: number): string {
  if (policy === 'skip') return ''
  if (policy === 'null') return 'null\n'
  const what = `Row ${number} has no JSON (${describe(row)})`
  throw jsonlError('CZ_JSONL_UNDEFINED', `${what}; filter such rows, or set undefinedRows to 'skip' or 'null'`)
}

/** What JSON.stringify takes for an empty object although it has content; and bytes, which it writes as numbered keys. */
function refuseUnwritten(row: object, number: number): void {
  if (ArrayBuffer.isView(row))
    throw badRow('is bytes', number, 'decode them first, or send them by a StreamingResponse')
  if ('toJSON' in row) return
  if (Symbol.iterator in row || Symbol.asyncIterator in row) {
    throw badRow(
      `is a ${nameOf(row)}, which JSON.stringify writes as {}`,
      number,
      'make an array or object of it first',
    )
  }
  if ('then' in row) throw badRow('is a promise', number, 'await it first')
  if (row instanceof Error) {
    throw badRow('is an Error, which JSON.stringify writes as {}', number, 'throw it, or pick its fields')
  }
}

function badRow(what: string, number: number, cure: string): Error {
  return jsonlError('CZ_JSONL_ROW', `Row ${number} ${what}; ${cure}`)
}

/** Finds out, when JSON.stringify has failed, why and where. */
function explain(cause: unknown, row: unknown, number: number): Error {
  const found = findCulprit(row)
  if (found === undefined) return serializeError(cause, number)
  const { kind, path } = found
  if (kind === 'circular') {
    const what = `Row ${number} contains itself at ${path}`
    return jsonlError('CZ_JSONL_CIRCULAR', `${what}; pick the fields to send`, cause)
  }
  const what = `Row ${number} has a BigInt at ${path}, which JSON has no form for`
  return jsonlError('CZ_JSONL_BIGINT', `${what}; convert it by String() or Number(), or give a serialize option`, {
    cause,
  })
}

function serializeError(cause: unknown, number: number): Error {
  const why = cause instanceof Error ? cause.message : show(cause)
  return jsonlError('CZ_JSONL_SERIALIZE', `Row ${number} could not be serialized: ${why}`, cause)
}

interface Culprit {
  readonly kind: 'bigint' | 'circular'
  readonly path: string
}

/** Walks as JSON.stringify does, `toJSON` included, to the first value that it cannot write. */
function findCulprit(row: unknown): Culprit | undefined {
  // The way down to the value that is visited: `keys[i]` is where `holders[i]` was found.
  const holders: unknown[] = []
  const keys: string[] = []
  let found: Culprit | undefined
  const visit = function (this: unknown, key: string, value: unknown): unknown {
    while (holders.length > 0 && holders.at(-1) !== this) {
      holders.pop()
      keys.pop()
    }
    if (typeof value === 'bigint') found ??= { kind: 'bigint', path: pathTo(keys, key) }
    if (typeof value !== 'object' || value === null || found !== undefined) return undefined
    if (holders.includes(value)) {
      found = { kind: 'circular', path: pathTo(keys, key) }
      return undefined
    }
    holders.push(value)
    keys.push(key)
    return value
  }
  try {
    JSON.stringify(row, visit)
  } catch {
    // The row's own code failed, as it did the first time.
  }
  return found
}

function pathTo(keys: readonly string[], key: string): string {
  const steps = [...keys, key].slice(1) // The row itself is found at ''.
  return ['row', ...steps.map(accessor)].join('')
}

function accessor(key: string): string {
  if (/^\d+$/.test(key)) return `[${key}]`
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

function describe(value: unknown): string {
  return typeof value === 'function' ? `the function ${show(value.name)}` : show(value)
}

function nameOf(object: object): string {
  return (object.constructor as { name?: string } | undefined)?.name ?? 'iterable'
}
