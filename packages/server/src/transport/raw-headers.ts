import type { RequestHeaders } from './transport.ts'

/** Fields of a request, read from their text when somebody asks: most handlers want one, or none. */
export class RawHeaders implements RequestHeaders {
  private values: Map<string, string> | undefined

  /** @param block field lines that the parser has checked, each with its CRLF. */
  constructor(private readonly block: string) {}

  get(name: string): string | null {
    return this.all().get(name.toLowerCase()) ?? null
  }

  has(name: string): boolean {
    return this.all().has(name.toLowerCase())
  }

  *entries(): Generator<[name: string, value: string]> {
    const { block } = this
    for (let start = 0; start < block.length;) {
      const colon = block.indexOf(':', start)
      const end = block.indexOf('\r\n', colon)
      yield [block.slice(start, colon).toLowerCase(), block.slice(colon + 1, end).trim()]
      start = end + 2
    }
  }

  /** RFC 9110 §5.3: several lines of one name are one list. Cookies are the exception (RFC 6265 §5.4: `; `). */
  private all(): Map<string, string> {
    if (this.values !== undefined) return this.values
    const values = (this.values = new Map<string, string>())
    for (const [name, value] of this.entries()) {
      const before = values.get(name)
      values.set(name, before === undefined ? value : `${before}${name === 'cookie' ? '; ' : ', '}${value}`)
    }
    return values
  }
}
