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

export function encodeFields(fields: FieldList): FieldBlock {
  const known = kept.get(fields)
  if (known !== undefined) return known
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
