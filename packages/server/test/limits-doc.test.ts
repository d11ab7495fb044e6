import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { DEADLINES, DEFAULTS as STREAM_DEFAULTS } from '../../streaming/src/options.ts'
import { DEFAULTS, LIMITS } from '../src/options.ts'

const read = (file: string) => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8')
const documented = new Map(
  [...read('docs/limits.md').matchAll(/^\| `([^`]+)` \| +(\S+) \|/gm)].map(([, name, value]) => [name, value]),
)

test('docs/limits.md has every limit of the server with its default', () => {
  for (const [name, value] of Object.entries(LIMITS))
    expect([name, documented.get(`limits.${name}`)]).toEqual([name, String(value)])
  expect(documented.get('bodyLimit')).toBe(String(DEFAULTS.bodyLimit))
})

test('docs/limits.md has every deadline of a stream with its default', () => {
  for (const [name, value] of Object.entries(DEADLINES)) {
    expect([name, documented.get(`deadlines.${name}`)]).toEqual([name, String(value)])
  }
  expect(documented.get('highWaterMark')).toBe(String(STREAM_DEFAULTS.highWaterMark))
})

test("docs/limits.md has the engine's constants", () => {
  const headers = read('packages/core-native/native/http/limits.h') + read('packages/core-native/native/conn/limits.h')
  const constants = [...documented].filter(([name]) => name!.startsWith('k'))
  expect(constants.length).toBeGreaterThan(5)
  for (const [name, value] of constants) {
    const expression = new RegExp(`constexpr \\w+ ${name} = ([\\d *<]+);`).exec(headers)?.[1]
    const result = expression!.split(/\s*(\*|<<)\s*/).reduce<number>((total, part, at, parts) => {
      if (at % 2 === 1) return total
      const next = Number(part)
      return at === 0 ? next : parts[at - 1] === '*' ? total * next : total * 2 ** next
    }, 0)
    expect([name, String(result)]).toEqual([name, value])
  }
})
