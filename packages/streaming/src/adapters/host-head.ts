import type { FieldList } from '../head.ts'
import { DEFAULTS } from '../options.ts'

/** What a host's handler has said of its answer so far. */
export interface HostResponse {
  readonly statusCode: number
  hasHeader(name: string): boolean
}

interface Begun {
  readonly status: number
  readonly fields: FieldList
}

/** Fields of which others (cookie and CORS middleware) set lines of their own: ours are added. */
const ADDED_FIELDS = new Set(['set-cookie', 'vary'])

/**
 * The head of a response on a host whose handler may have begun one: what the response leaves at its default is the
 * host's, as in `res.status(201).type('csv').stream(rows)`.
 *
 * @internal
 */
export function withHostHead<Head extends Begun>(head: Head, host: HostResponse): Head {
  const status = head.status === DEFAULTS.status ? host.statusCode : head.status
  const fields = host.hasHeader('content-type') ? head.fields.filter((field) => !isDefaultType(field)) : head.fields
  return { ...head, status, fields }
}

function isDefaultType([name, value]: FieldList[number]): boolean {
  return name === 'content-type' && value === DEFAULTS.contentType
}

/**
 * Sets fields beside those of the host: a field of the same name is replaced, but for those that several may add to.
 *
 * @internal
 */
export function placeFields(
  fields: FieldList,
  set: (name: string, value: string) => void,
  append: (name: string, value: string) => void,
): void {
  let seen: Set<string> | undefined
  for (const [name, value] of fields) {
    if (seen?.has(name) === true || ADDED_FIELDS.has(name)) append(name, value)
    else set(name, value)
    if (fields.length > 1) (seen ??= new Set()).add(name)
  }
}
