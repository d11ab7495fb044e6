import { jsonlError } from './errors.ts'
import type { Stringify } from './serialize.ts'

/** How records follow one another in a body. */
export type Frame = 'ndjson' | 'json-seq' | 'array' | 'envelope' | 'event-stream'

/** What the tail of an envelope may tell. */
export interface StreamSummary {
  /** Records in the body. */
  readonly rows: number
  /** The last row as the source gave it, such as for a cursor; `undefined` for none. */
  readonly last: unknown
}

export interface Envelope {
  /** Comes first: what is known before the rows. */
  readonly head?: object
  /**
   * The key of the rows.
   * @defaultValue 'rows'
   */
  readonly key?: string
  /** Comes last: counts, cursor, checksum. It is asked when the source is through, and not if it failed. */
  readonly tail?: (summary: StreamSummary) => object
}

/** The text around rows. All of it is ASCII, or JSON. */
export interface Framing {
  readonly mediaType: string
  /** Ahead of the first row, also where there is none. */
  readonly lead: string
  /** In front of each row. */
  readonly before: string
  /** Between two rows. */
  readonly between: string
  /** Behind each row. */
  readonly after: string
  /** The end has to know the last row. */
  readonly keepsLast: boolean
  /** The end of a body whose source is through. */
  end(summary: StreamSummary): string
  /** The end of a body whose source has failed, behind at least one row. */
  failure(json: string): string
}

/** Other names of a type, which clients ask for. */
export const MEDIA_TYPES: Readonly<Record<Frame, readonly string[]>> = {
  ndjson: ['application/x-ndjson', 'application/jsonl', 'application/ndjson', 'application/x-jsonlines'],
  'json-seq': ['application/json-seq'],
  array: ['application/json'],
  envelope: ['application/json'],
  'event-stream': ['text/event-stream'],
}

interface FramingOptions {
  readonly stringify: Stringify
  readonly envelope: Envelope
  /** A record of its own says that the body is whole. */
  readonly endMarker: boolean
}

/**
 * What a client sees of a failure, and of success:
 *
 * | frame | failure | success |
 * | --- | --- | --- |
 * | ndjson, json-seq | record `{"$error":…}` | record `{"$end":{"rows":n}}`, on request |
 * | array | element `{"$error":…}`, `]` | `]` |
 * | envelope | member `"error"`, no tail | the tail, and `}` |
 * | event-stream | event `failure` | event `end`, on request |
 */
export function framing(frame: Frame, { stringify, envelope, endMarker }: FramingOptions): Framing {
  const mediaType = MEDIA_TYPES[frame][0]!
  switch (frame) {
    case 'ndjson':
      return records(mediaType, '', endMarker)
    case 'json-seq':
      return records(mediaType, '\x1e', endMarker) // RFC 7464 §2.2
    case 'array':
      return {
        mediaType,
        lead: '[',
        before: '',
        between: ',\n',
        after: '',
        keepsLast: false,
        end: () => ']\n',
        failure: (json) => `,\n{"$error":${json}}]\n`,
      }
    case 'envelope': {
      const { head = {}, key = 'rows', tail } = envelope
      return {
        mediaType,
        lead: `{${members(stringify, head, ',')}${JSON.stringify(key)}:[`,
        before: '',
        between: ',\n',
        after: '',
        keepsLast: true,
        end: (summary) => `]${tail === undefined ? '' : members(stringify, tail(summary), '', ',')}}\n`,
        failure: (json) => `],"error":${json}}\n`,
      }
    }
    default: // An event stream.
      return {
        mediaType,
        lead: '',
        before: 'data: ',
        between: '',
        after: '\n\n',
        keepsLast: false,
        end: ({ rows }) => (endMarker ? `event: end\ndata: {"rows":${rows}}\n\n` : ''),
        failure: (json) => `event: failure\ndata: ${json}\n\n`,
      }
  }
}

function records(mediaType: string, before: string, endMarker: boolean): Framing {
  return {
    mediaType,
    lead: '',
    before,
    between: '',
    after: '\n',
    keepsLast: false,
    end: ({ rows }) => (endMarker ? `${before}{"$end":{"rows":${rows}}}\n` : ''),
    failure: (json) => `${before}{"$error":${json}}\n`,
  }
}

/** The members of an object, without its braces. */
function members(stringify: Stringify, object: object, behind: string, ahead = ''): string {
  const json = stringify(object)
  if (json === undefined || !json.startsWith('{')) {
    throw jsonlError('CZ_JSONL_OPTION', `head and tail of an envelope must be objects (got ${json})`)
  }
  return json === '{}' ? '' : ahead + json.slice(1, -1) + behind
}
