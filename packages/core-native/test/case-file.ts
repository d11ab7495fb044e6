// Reads native/test/cases/*.md, whose README.md has the format; native/test/case_file.cc is its twin.
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface ParserCase {
  /** `file.md: heading`, and the row's text. */
  title: string
  input: Buffer
  /** The event that decides: an error, `incomplete`, or whatever the case ends with. */
  outcome: string
}

const directory = fileURLToPath(new URL('../native/test/cases/', import.meta.url))

export function readCases(): ParserCase[] {
  return readdirSync(directory)
    .filter((file) => file.endsWith('.md') && file !== 'README.md')
    .sort()
    .flatMap((file) => casesOf(file, readFileSync(directory + file, 'utf8')))
}

function casesOf(file: string, text: string): ParserCase[] {
  const cases: ParserCase[] = []
  let heading = ''
  let block: string[] | undefined
  for (const line of text.split('\n')) {
    if (block === undefined) {
      if (line.startsWith('#')) heading = line.replace(/^#+/, '').trim()
      if (line === '```http') block = []
    } else if (line === '```') {
      cases.push(...casesOfBlock(`${file}: ${heading}`, block))
      block = undefined
    } else {
      block.push(line)
    }
  }
  return cases
}

function casesOfBlock(title: string, lines: string[]): ParserCase[] {
  const rows = lines.filter((line) => line.startsWith('with '))
  const events = lines.filter((line) => line.startsWith('=> '))
  const template = lines.filter((line) => !rows.includes(line) && !events.includes(line)).join('')
  if (rows.length === 0) {
    return [{ title, input: unescape(template), outcome: events.at(-1)?.slice('=> '.length) ?? '' }]
  }
  return rows.map((row) => {
    const arrow = row.lastIndexOf('=> ')
    const value = row.slice('with '.length, arrow).trim()
    return {
      title: `${title}: ${value}`,
      input: unescape(template.replaceAll('\\{}', () => value)),
      outcome: row.slice(arrow + '=> '.length).trim(),
    }
  })
}

function unescape(text: string): Buffer {
  const simple: Record<string, string> = { r: '\r', n: '\n', t: '\t', '0': '\0', s: ' ', '\\': '\\' }
  const latin1 = text.replace(
    /\\(?:\{(\d+):([^}]*)\}|x([0-9a-f]{2})|(.))/g,
    (_, count?: string, unit?: string, hex?: string, char?: string) => {
      if (count !== undefined) return unescape(unit!).toString('latin1').repeat(Number(count))
      return hex === undefined ? simple[char!]! : String.fromCodePoint(Number.parseInt(hex, 16))
    },
  )
  return Buffer.from(latin1, 'latin1')
}
