import { kindOf } from './lost.ts'

/** What becomes of a BigInt, which JSON.stringify refuses. */
export type BigIntPolicy = 'throw' | 'string' | 'number'

/** How dates are written: as text in ISO 8601, or as milliseconds since 1970. */
export type DatePolicy = 'iso' | 'milliseconds'

/**
 * What is escaped beyond what JSON needs: nothing; the line separators U+2028 and U+2029, which end a line in old JavaScript; or those
 * and `<`, so that neither `</script>` nor a comment can be in a page by way of the text.
 */
export type EscapePolicy = 'none' | 'javascript' | 'html'

export interface Rules {
  readonly bigint: BigIntPolicy
  readonly date: DatePolicy
  readonly escape: EscapePolicy
}

/** JSON of a value in one line, by the rules; `undefined` where JSON has none. */
export type Stringify = (value: unknown) => string | undefined

/** What `escape` looks for; `undefined` for nothing. */
export function escaped(escape: EscapePolicy): RegExp | undefined {
  if (escape === 'none') return undefined
  return escape === 'html' ? /[\u2028\u2029<]/ : /[\u2028\u2029]/
}

/** JSON.stringify without indentation never writes a line end, and escapes what is no text. */
export function stringifier({ bigint, date, escape }: Rules): Stringify {
  const plain = bigint === 'throw' && date === 'iso' ? (JSON.stringify as Stringify) : withReplacer(bigint, date)
  const wanted = escaped(escape)
  if (wanted === undefined) return plain
  const everywhere = new RegExp(wanted, 'g')
  return (value) => {
    const text = plain(value)
    return text !== undefined && wanted.test(text) ? text.replace(everywhere, asEscape) : text
  }
}

function withReplacer(bigint: BigIntPolicy, date: DatePolicy): Stringify {
  function replace(this: Record<string, unknown>, key: string, value: unknown): unknown {
    if (typeof value === 'bigint' && bigint !== 'throw')
      return bigint === 'string' ? String(value) : MARK + String(value)
    const given = this[key] // Before its toJSON().
    return date === 'milliseconds' && given instanceof Date ? given.getTime() : value
  }
  return (value) => {
    const text = JSON.stringify(value, replace) as string | undefined
    return bigint === 'number' ? text?.replaceAll(MARKED, '$1') : text
  }
}

/** Stands for a number of any length until the text is made: no text of anybody can have it by chance. */
const MARK = `bigint-${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}:`
const MARKED = new RegExp(`"${MARK}(-?\\d+)"`, 'g')

function asEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Whether `text`, the JSON of `value`, may have lost something: all that JSON.stringify loses becomes `{}`. */
export function mayHaveLost(text: string, value: unknown): boolean {
  return text.includes('{}') || kindOf(value) !== undefined
}
