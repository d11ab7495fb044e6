import { jsonlError } from './errors.ts'

/** What JSON.stringify writes as `{}`, or as something that nobody reads back. */
export interface Lost {
  readonly kind: 'stream' | 'promise' | 'map' | 'error' | 'bytes'
  readonly path: string
  readonly value: object
}

/** Things that give values one after another, in a row: they are sent as an array, while they give them. */
export type Streamed = Iterable<unknown> | AsyncIterable<unknown>

/** What would be lost of `value` itself, whatever is in it. */
export function kindOf(value: unknown): Lost['kind'] | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return 'bytes'
  if ('toJSON' in value) return undefined
  if (value instanceof Map || value instanceof WeakMap) return 'map'
  if (Symbol.asyncIterator in value) return 'stream'
  if (Symbol.iterator in value) return typeof value.valueOf() === 'string' ? undefined : 'stream'
  if ('then' in value && typeof value.then === 'function') return 'promise'
  return value instanceof Error ? 'error' : undefined
}

/** The first thing of these kinds that would be lost, walking as JSON.stringify does; into `toJSON()` it does not look. */
export function findLost(row: unknown, kinds: readonly Lost['kind'][]): Lost | undefined {
  const above = new Set<object>()
  const visit = (value: unknown, path: string): Lost | undefined => {
    if (typeof value !== 'object' || value === null) return undefined
    const kind = kindOf(value)
    if (kind !== undefined) return kinds.includes(kind) ? { kind, path, value } : undefined
    if ('toJSON' in value || above.has(value)) return undefined
    above.add(value)
    for (const [key, each] of Object.entries(value)) {
      const found = visit(each, path + accessor(key))
      if (found !== undefined) return found
    }
    above.delete(value)
    return undefined
  }
  return visit(row, 'row')
}

/** A step of a path, as it is written in JavaScript. */
export function accessor(key: string): string {
  if (/^\d+$/.test(key)) return `[${key}]`
  return /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

/** @param where begins the sentence, up to what it is. */
export function lostError(value: object, where: string): Error {
  const kind = kindOf(value)
  if (kind === 'bytes') {
    return jsonlError('CZ_JSONL_ROW', `${where} bytes; decode them first, or send them by a StreamingResponse`)
  }
  const what = kind === 'error' ? 'an Error' : `a ${nameOf(value)}`
  const cure = kind === 'error' ? 'throw it, or pick its fields' : 'make an array or object of it first'
  return jsonlError('CZ_JSONL_ROW', `${where} ${what}, which JSON.stringify writes as {}; ${cure}`)
}

function nameOf(object: object): string {
  return (object.constructor as { name?: string } | undefined)?.name ?? 'object'
}
