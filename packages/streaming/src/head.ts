import { show, streamError } from './errors.ts'

/** Field lines in order, names in lower case. The same name may come twice (`set-cookie`). */
export type FieldList = readonly (readonly [name: string, value: string])[]

/** Fields as a caller may write them. */
export type FieldsInit =
  Readonly<Record<string, string | number | readonly string[] | undefined>> | Iterable<readonly [string, string]>

/** Status and fields of a response. Transports add what belongs to the wire: framing, `Connection`, `Date`. */
export interface ResponseHead {
  readonly status: number
  readonly fields: FieldList
  /** Body length in bytes where it is known; the transport then sends `Content-Length` and no chunked coding. */
  readonly contentLength?: number | undefined
  /** Bytes that may be written at any item boundary to see whether the peer is still there (an SSE comment). */
  readonly probe?: string | undefined
  /** Bytes that may wait in user space before `write()` says `false`. */
  readonly highWaterMark: number
}

// RFC 9110 §5.6.2: token. §5.5: a field value has visible characters, SP, HTAB and obs-text (U+0080–U+00FF here, as a
// field is sent as Latin-1), and nothing else: CR, LF or NUL would let a caller's data end the field or the head.
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
// RFC 9112 §6, §9: these belong to the transport. A caller's own copy would contradict the framing on the wire.
const WIRE_FIELDS = new Set(['transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'trailer', 'te'])

/**
 * Checks and normalises fields: lower-case names, one entry a line.
 *
 * @throws {TypeError} `CZ_HEAD_FIELD` for a name that is no token, a value with CR, LF, NUL or another control, and for
 * fields that only the transport may send.
 * @see RFC 9110 §5.1, §5.5
 */
export function toFields(init: FieldsInit | undefined): [string, string][] {
  const fields: [string, string][] = []
  if (init === undefined) return fields
  const lines = Symbol.iterator in init ? (init as Iterable<readonly [string, string]>) : Object.entries(init)
  for (const [name, value] of lines) {
    if (value === undefined) continue
    if (typeof value === 'object') for (const line of value) fields.push(toField(name, line))
    else fields.push(toField(name, value))
  }
  return fields
}

/** Fields of a helper, where the caller's own of the same name take their place. */
export function replaceFields(defaults: FieldsInit, given: FieldsInit | undefined): FieldsInit {
  const own = toFields(given)
  const names = new Set(own.map(([name]) => name))
  return [...toFields(defaults).filter(([name]) => !names.has(name)), ...own]
}

function toField(name: string, value: string | number): [string, string] {
  const text = String(value).replace(/^[\t ]+|[\t ]+$/g, '')
  const lower = name.toLowerCase()
  if (!TOKEN.test(name)) {
    throw streamError('CZ_HEAD_FIELD', `A field name must be a token (got ${show(name)})`)
  }
  if (!FIELD_VALUE.test(text)) {
    const what = `The value of ${show(name)} must not contain control characters or characters beyond U+00FF`
    throw streamError('CZ_HEAD_FIELD', `${what} (got ${show(text)}); encode it first`)
  }
  if (WIRE_FIELDS.has(lower)) {
    throw streamError('CZ_HEAD_FIELD', `${show(name)} is set by the transport; leave it out of the fields`)
  }
  return [lower, text]
}

/**
 * Checks a final status code.
 *
 * @throws {RangeError} `CZ_HEAD_STATUS` outside 200–599: 1xx are interim and never carry a body (RFC 9110 §15.2).
 */
export function checkStatus(status: number): number {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw streamError('CZ_HEAD_STATUS', `status must be an integer from 200 to 599 (got ${show(status)})`)
  }
  return status
}
