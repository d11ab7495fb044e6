import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { judge } from '../src/bars.mjs'
import { cpuNs } from '../src/cpu-time.mjs'
import type { Bar, Contestant, Result, Row } from '../src/types.ts'
import { supported } from './tools.ts'

const against = { to: 'other', as: 'speed' } as const

describe('bars', () => {
  test.each([
    ['at least, reached', { atLeast: 2, against }, [1, 1], [2, 2], '2.00 ×', 'met'],
    ['at least, not reached', { atLeast: 2.01, against }, [1, 1], [2, 2], '2.00 ×', '**missed**'],
    ['at most, reached', { atMost: 1 }, [1, 1], [9, 9], '1.00 ×', 'met'],
    ['below, not reached', { below: 1 }, [1, 1], [9, 9], '1.00 ×', '**missed**'],
    // Each round has its own weather: 2, 2 and 3, not the ratio of the medians.
    ['round by round', { atLeast: 2, against }, [1, 10, 2], [2, 20, 6], '2.00 ×', 'met'],
  ])('%s', (_, bar, own, other, figure, verdict) => {
    expect(judgeOne(bar, row('catzilla', own), row('other', other))).toMatchObject({ figure, verdict })
  })

  test('the best of several opponents counts, and is named', () => {
    const rows = [row('catzilla', [4]), row('slow', [8]), row('fast', [2])]
    const { figure } = judgeOne({ atLeast: 1, against: { to: ['slow', 'fast', 'absent'], as: 'speed' } }, ...rows)
    expect(figure).toBe('0.50 × (fast)')
  })

  test('a stand-in is taken when the opponent did not load, and is named', () => {
    const rows = [row('catzilla', [1]), { ...row('uws', []), failure: FAILURE }, row('bun', [3])]
    const bar = { atLeast: 1, against: { to: 'uws', standIn: 'bun', as: 'speed' } } as const
    expect(judgeOne(bar, ...rows)).toMatchObject({ figure: '3.00 × (bun)', verdict: 'met' })
  })

  test('a bar without its contestant or its opponent is not measured', () => {
    expect(judgeOne({ atMost: 1 }, row('other', [1])).verdict).toBe('not measured')
    expect(judgeOne({ atLeast: 1, against }, row('catzilla', [1])).verdict).toBe('not measured')
  })
})

test.runIf(supported)('the CPU time of a server has that of the processes that it started', async () => {
  const work = 'for (let end = Date.now() + 200; Date.now() < end;); console.log(); setInterval(() => {}, 1000)'
  const wrap = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(work)}], { stdio: 'inherit' })`
  // Its own group: the child of the child is to be ended, too.
  const child = spawn(process.execPath, ['-e', wrap], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  try {
    await once(child.stdout, 'data')
    expect(cpuNs(child.pid!)).toBeGreaterThan(200e6 * 0.5)
  } finally {
    process.kill(-child.pid!, 'SIGKILL')
  }
})

const FAILURE: NonNullable<Row['failure']> = { stage: 'did not load', reason: 'no' }

function judgeOne(bar: object, ...rows: Row[]) {
  const whole = { words: 'it is fast', unit: '×', key: 'ns', digits: 2, ...bar } as Bar
  const scenario = { bars: [whole] } as unknown as Result['scenario']
  return judge({ scenario, rows })[0]!
}

function row(name: string, figures: number[]): Row {
  const contestant: Contestant = { name, label: name, role: 'peer', command: () => [] }
  return { contestant, samples: figures.map((ns) => ({ ns })) }
}
