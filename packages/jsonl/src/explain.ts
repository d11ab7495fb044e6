import { show } from '@catzilla/streaming/format'
import { jsonlError } from './errors.ts'
import { accessor } from './lost.ts'

/** Finds out, when JSON.stringify has failed, why and where. */
export function explain(cause: unknown, row: unknown, number: number): Error {
  const found = findCulprit(row)
  if (found === undefined) return serializeError(cause, number)
  const { kind, path } = found
  if (kind === 'circular') {
    const what = `Row ${number} contains itself at ${path}`
    return jsonlError('CZ_JSONL_CIRCULAR', `${what}; pick the fields to send`, cause)
  }
  const what = `Row ${number} has a BigInt at ${path}, which JSON has no form for`
  return jsonlError('CZ_JSONL_BIGINT', `${what}; set bigint to 'string' or 'number', or convert it first`, cause)
}

export function serializeError(cause: unknown, number: number): Error {
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
