// A slow and obvious reading of RFC 9112, in regular expressions, to judge the parser by: it shares no code and no idea with it.
// Where the RFC lets a recipient choose between refusing and repairing, this refuses.

export interface Message {
  readonly method: string
  readonly target: string
  readonly body: string
}

/** What a connection with these bytes is: whole messages, then how it ended. */
export interface Reading {
  readonly messages: readonly Message[]
  /** `refused` names the rule; `closed` is behind a message that is the last of its connection. */
  readonly end: 'complete' | 'incomplete' | 'closed' | `refused: ${string}`
}

// RFC 9110 §5.6.2, RFC 5234: classes as they stand in a set of characters.
const TCHAR = "!#$%&'*+\\-.^_`|~0-9A-Za-z"
const TOKEN = `[${TCHAR}]+`
const FIELD_TEXT = '\\t \\x21-\\x7e\\x80-\\xff'
const QUOTED = `"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t \\x21-\\x7e\\x80-\\xff])*"`

// RFC 9112 §3. Of a target only that it has neither whitespace, controls nor a fragment: browsers send more than RFC 3986 has.
const REQUEST_LINE = new RegExp(`^(${TOKEN}) ([\\x21\\x22\\x24-\\x7e]+) HTTP/1\\.([01])$`)
const FIELD = new RegExp(`^(${TOKEN}):[\\t ]*([${FIELD_TEXT}]*?)[\\t ]*$`)
// RFC 9112 §7.1, with the whitespace of §7.1.1 that a recipient must accept.
const CHUNK_LINE = new RegExp(`^([0-9A-Fa-f]+)(?:[\\t ]*;[\\t ]*${TOKEN}(?:[\\t ]*=[\\t ]*(?:${TOKEN}|${QUOTED}))?)*$`)

// RFC 3986 §3.2.2 and §3.2.3.
const UNRESERVED = 'A-Za-z0-9\\-._~'
const SUB_DELIMS = "!$&'()*+,;="
const REG_NAME = `(?:[${UNRESERVED}${SUB_DELIMS}]|%[0-9A-Fa-f]{2})*`
const IP_LITERAL = `\\[(?:[0-9A-Fa-f:.]+|v[0-9A-Fa-f]+\\.[${UNRESERVED}${SUB_DELIMS}:]+)\\]`
const HOST = new RegExp(`^(?:${IP_LITERAL}|${REG_NAME})(?::[0-9]*)?$`)

/** @param text the bytes of a connection, as Latin-1. */
export function read(text: string): Reading {
  const messages: Message[] = []
  let rest = text
  const ended = (end: Reading['end']): Reading => ({ messages, end })
  for (;;) {
    if (rest.startsWith('\r\n')) rest = rest.slice(2) // RFC 9112 §2.2: at least one
    if (rest === '' || rest === '\r') return ended(rest === '' ? 'complete' : 'incomplete')
    const lines = linesOf(rest)
    if (lines === undefined) return ended(prefixFault(rest) ?? 'incomplete')
    const [requestLine, ...fieldLines] = lines.lines
    const head = readHead(requestLine!, fieldLines)
    if (typeof head === 'string') return ended(`refused: ${head}`)
    const body = readBody(rest.slice(lines.length), head)
    if (typeof body === 'string') return ended(body === 'incomplete' ? body : `refused: ${body}`)
    messages.push({ method: head.method, target: head.target, body: body.content })
    rest = body.rest
    if (head.close) return ended('closed')
  }
}

interface Head {
  readonly method: string
  readonly target: string
  readonly length: number
  readonly chunked: boolean
  readonly close: boolean
}

function readHead(requestLine: string, fieldLines: string[]): Head | string {
  const request = REQUEST_LINE.exec(requestLine)
  if (request === null) return 'request line'
  const [, method, target, minor] = request as unknown as [string, string, string, '0' | '1']
  const fields: [name: string, value: string][] = []
  for (const line of fieldLines) {
    const field = FIELD.exec(line)
    if (field === null) return 'field line'
    fields.push([field[1]!.toLowerCase(), field[2]!])
  }
  const values = (wanted: string) => fields.filter(([name]) => name === wanted).map(([, value]) => value)
  const members = (wanted: string) =>
    values(wanted)
      .flatMap((value) => value.split(','))
      .map((member) => member.replaceAll(/^[\t ]+|[\t ]+$/g, '').toLowerCase())
      .filter((member) => member !== '')

  const hosts = values('host')
  if (hosts.length > 1 || (minor === '1' && hosts.length === 0)) return 'Host, RFC 9112 §3.2'
  if (hosts.length === 1 && !HOST.test(hosts[0]!)) return 'Host, RFC 9110 §7.2'
  const lengths = values('content-length')
  const codings = members('transfer-encoding')
  const coded = values('transfer-encoding').length > 0
  if (coded && lengths.length > 0) return 'both lengths, RFC 9112 §6.1'
  if (coded && minor === '0') return 'Transfer-Encoding in HTTP/1.0, RFC 9112 §6.1'
  if (coded && codings.join() !== 'chunked') return 'Transfer-Encoding, RFC 9112 §6.3'
  const distinct = new Set(lengths.flatMap((value) => value.split(',').map((member) => member.trim())))
  if (distinct.size > 1 || [...distinct].some((value) => !/^[0-9]+$/.test(value)))
    return 'Content-Length, RFC 9112 §6.3'

  const options = members('connection')
  const close = options.includes('close') || (minor === '0' && !options.includes('keep-alive'))
  return { method, target, length: Number([...distinct][0] ?? 0), chunked: coded, close }
}

function readBody(text: string, head: Head): { content: string; rest: string } | string {
  if (!head.chunked) {
    if (text.length < head.length) return 'incomplete'
    return { content: text.slice(0, head.length), rest: text.slice(head.length) }
  }
  let content = ''
  for (let rest = text; ;) {
    const end = rest.indexOf('\r\n')
    if (end === -1) return 'incomplete'
    const line = CHUNK_LINE.exec(rest.slice(0, end))
    if (line === null) return 'chunk, RFC 9112 §7.1'
    const size = Number.parseInt(line[1]!, 16)
    rest = rest.slice(end + 2)
    if (size === 0) {
      const trailers = rest.startsWith('\r\n') ? { lines: [], length: 2 } : linesOf(rest)
      if (trailers === undefined) return 'incomplete'
      if (trailers.lines.some((trailer) => !FIELD.test(trailer))) return 'trailer, RFC 9112 §7.1.2'
      return { content, rest: rest.slice(trailers.length) }
    }
    if (rest.length < size) return 'incomplete'
    content += rest.slice(0, size)
    const behind = rest.slice(size, size + 2)
    if (!'\r\n'.startsWith(behind)) return 'end of a chunk, RFC 9112 §7.1'
    if (behind !== '\r\n') return 'incomplete'
    rest = rest.slice(size + 2)
  }
}

/** Lines up to the first empty one, and the length of all with it. */
function linesOf(text: string): { lines: string[]; length: number } | undefined {
  const end = text.indexOf('\r\n\r\n')
  return end === -1 ? undefined : { lines: text.slice(0, end).split('\r\n'), length: end + 4 }
}

/** A head that never ends may be wrong already: each whole line is looked at. */
function prefixFault(text: string): Reading['end'] | undefined {
  const [requestLine, ...fieldLines] = text.split('\r\n').slice(0, -1)
  if (requestLine === undefined) return undefined
  if (!REQUEST_LINE.test(requestLine)) return 'refused: request line'
  return fieldLines.some((line) => !FIELD.test(line)) ? 'refused: field line' : undefined
}
