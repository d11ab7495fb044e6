import type { FieldList } from '@catzilla/streaming'

/** Field lines as they go on the wire. */
export interface FieldBlock {
  /** Each line with its CRLF. */
  readonly text: string
  /** Whether there is a `date` among them, so that the transport adds none. */
  readonly dated: boolean
}

/** Frozen lists come again with every answer of their kind, so their text is kept as long as they are. */
const kept = new WeakMap<FieldList, FieldBlock>()

/** The list of the last answer is most often that of the next, and a comparison costs less than the map. */
let lastFields: FieldList | undefined
let lastBlock: FieldBlock | undefined

export function encodeFields(fields: FieldList): FieldBlock {
  if (fields === lastFields) return lastBlock!
  const block = kept.get(fields) ?? encode(fields)
  if (!Object.isFrozen(fields)) return block
  lastFields = fields
  lastBlock = block
  return block
}

function encode(fields: FieldList): FieldBlock {
  let text = ''
  let dated = false
  for (const [name, value] of fields) {
    text += `${name}: ${value}\r\n`
    if (name === 'date') dated = true
  }
  const block = { text, dated }
  if (Object.isFrozen(fields)) kept.set(fields, block)
  return block
}
