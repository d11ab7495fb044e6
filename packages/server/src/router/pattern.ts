import { show } from '@catzilla/streaming/format'
import { serverError } from '../errors.ts'

/**
 * The parameters of a pattern, as the type of `req.params`.
 *
 * @example
 * ```ts
 * type P = PathParams<'/users/:id/files/*path'> // { readonly id: string; readonly path: string }
 * ```
 */
export type PathParams<Pattern extends string> = string extends Pattern
  ? Readonly<Record<string, string>>
  : { readonly [Name in ParamNames<Pattern>]: string }

type ParamNames<Pattern extends string> = Pattern extends `${infer Segment}/${infer Rest}`
  ? ParamName<Segment> | ParamNames<Rest>
  : ParamName<Pattern>

type ParamName<Segment extends string> = Segment extends `:${infer Name}`
  ? Name
  : Segment extends `*${infer Name}`
    ? Name extends ''
      ? '*'
      : Name
    : never

/** A checked pattern. */
export interface Pattern {
  readonly segments: readonly Segment[]
  /** There is nothing in it but the path itself. */
  readonly isStatic: boolean
}

export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'wildcard'; readonly name: string }

const NAME = /^[A-Za-z_$][\w$]*$/

/**
 * Reads a pattern: segments are literal, `:name` (one segment), or, at the end, `*name` (the rest, also of several segments).
 *
 * @throws {TypeError} `CZ_ROUTE_PATTERN` for a pattern that does not begin with `/`, a bad or repeated name, and a wildcard
 * that is not last.
 */
export function parsePattern(pattern: string): Pattern {
  if (typeof pattern !== 'string' || !pattern.startsWith('/')) throw badPattern(pattern, 'must begin with "/"')
  const names = new Set<string>()
  const texts = pattern.slice(1).split('/')
  const segments = texts.map((text, index): Segment => {
    const kind = text.startsWith(':') ? 'param' : text.startsWith('*') ? 'wildcard' : 'literal'
    if (kind === 'literal') {
      if (/[*?#]/.test(text)) throw badPattern(pattern, `has a segment that cannot be matched: ${show(text)}`)
      return { kind, text }
    }
    const name = text === '*' ? '*' : text.slice(1)
    if (name !== '*' && !NAME.test(name)) throw badPattern(pattern, `has a parameter with a bad name: ${show(text)}`)
    if (names.has(name)) throw badPattern(pattern, `has two parameters called ${show(name)}`)
    if (kind === 'wildcard' && index < texts.length - 1) throw badPattern(pattern, 'has a wildcard before its end')
    names.add(name)
    return { kind, name }
  })
  return { segments, isStatic: names.size === 0 }
}

function badPattern(pattern: unknown, what: string): Error {
  return serverError('CZ_ROUTE_PATTERN', `The pattern ${show(pattern)} ${what}`)
}
