import type { RequestHeaders } from './transport.ts'

/** A field costs less to look for than a table of all fields costs to make, for the first few that are asked for. */
const LOOKUPS_WITHOUT_TABLE = 3

const TAB = 9
const SPACE = 32
const COLON = 58

/** Fields of a request, read from their text when somebody asks: most handlers want one, or none. */
export class RawHeaders implements RequestHeaders {
  private values: Map<string, string> | undefined
  private lookups = 0

  /** @param block field lines that the parser has checked, each with its CRLF. */
  constructor(private readonly block: string) {}

  get(name: string): string | null {
    const key = name.toLowerCase()
    if (this.values === undefined && ++this.lookups <= LOOKUPS_WITHOUT_TABLE) return this.find(key)
    return this.all().get(key) ?? null
  }

  has(name: string): boolean {
    return this.get(name) !== null
  }

  *entries(): Generator<[name: string, value: string]> {
    const { block } = this
    for (let start = 0; start < block.length;) {
      const colon = block.indexOf(':', start)
      const end = block.indexOf('\n', colon)
      yield [block.slice(start, colon).toLowerCase(), valueOf(block, colon, end)]
      start = end + 1
    }
  }

  private find(key: string): string | null {
    const { block } = this
    let value: string | null = null
    for (let start = 0; start < block.length;) {
      const colon = start + key.length
      const end = block.indexOf('\n', start)
      if (block.charCodeAt(colon) === COLON && block.slice(start, colon).toLowerCase() === key) {
        value = joined(key, value, valueOf(block, colon, end))
      }
      start = end + 1
    }
    return value
  }

  private all(): Map<string, string> {
    if (this.values !== undefined) return this.values
    const values = (this.values = new Map<string, string>())
    for (const [name, value] of this.entries()) {
      values.set(name, joined(name, values.get(name) ?? null, value))
    }
    return values
  }
}

/** RFC 9110 §5.5: without the blanks around it. */
function valueOf(block: string, colon: number, lineFeed: number): string {
  let start = colon + 1
  let end = lineFeed - 1 // The carriage return.
  while (isBlank(block.charCodeAt(start))) start++
  while (end > start && isBlank(block.charCodeAt(end - 1))) end--
  return block.slice(start, end)
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}

/** RFC 9110 §5.3: several lines of one name are one list. Cookies are the exception (RFC 6265 §5.4: `; `). */
function joined(name: string, before: string | null, value: string): string {
  return before === null ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`
}
