/** The forms in which an event stream can be answered. */
export type Form = 'event-stream' | 'json'

/** Who gets an event stream: everybody; those who accept one, and others a 406; or others the same as JSON. */
export type AcceptPolicy = 'any' | 'only' | 'dual'

const TYPES: Record<Form, string> = { 'event-stream': 'text/event-stream', json: 'application/json' }

/**
 * The form that a client gets; `undefined` where it accepts none.
 *
 * With `dual`, an event stream is for those who ask for one: any type is what `fetch()` and curl send when nobody has thought of it.
 *
 * @see RFC 9110 §12.5.1
 * @internal
 */
export function formFor(accept: string | null, policy: AcceptPolicy): Form | undefined {
  if (policy === 'any') return 'event-stream'
  const ranges = parseAccept(accept ?? '*/*')
  const events = qualityOf('event-stream', ranges)
  if (policy === 'only') return events.quality > 0 ? 'event-stream' : undefined
  const json = qualityOf('json', ranges)
  if (events.quality === 0 && json.quality === 0) return undefined
  if (events.quality !== json.quality) return events.quality > json.quality ? 'event-stream' : 'json'
  return events.specificity > json.specificity ? 'event-stream' : 'json'
}

interface Range {
  readonly type: string
  readonly quality: number
}

interface Preference {
  readonly quality: number
  /** 0 for none, 1 for any type, 2 for any of the kind, 3 for this very type. */
  readonly specificity: number
}

function parseAccept(accept: string): Range[] {
  return accept.split(',').flatMap((part) => {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    if (type === '') return []
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    const quality = weight === undefined ? 1 : Number(weight.slice(2))
    return [{ type, quality: quality >= 0 && quality <= 1 ? quality : 0 }]
  })
}

/** The most specific range that matches decides. */
function qualityOf(form: Form, ranges: readonly Range[]): Preference {
  const type = TYPES[form]
  const names = ['*/*', `${type.slice(0, type.indexOf('/'))}/*`, type]
  for (let specificity = 3; specificity > 0; specificity--) {
    const found = ranges.find((range) => range.type === names[specificity - 1])
    if (found !== undefined) return { quality: found.quality, specificity }
  }
  return { quality: 0, specificity: 0 }
}
