import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startDemo } from '../demo/app.mjs'
import { parseCsv, pause, readArrivals, until } from './helpers.ts'

let demo: Awaited<ReturnType<typeof startDemo>>
const log: string[] = []

beforeAll(async () => {
  demo = await startDemo({ log: (line) => log.push(line) })
})
afterAll(() => demo.close())

const get = (path: string, init?: RequestInit) => fetch(demo.url + path, init)
const typeOf = (response: Response) => response.headers.get('content-type')
const noStreamLeft = () => until('no active stream', () => demo.app.stats().activeStreams === 0)

describe('page', () => {
  test('the page and all that it refers to have their content types', async () => {
    const page = await get('/')
    expect(typeOf(page)).toBe('text/html; charset=utf-8')
    const html = await page.text()
    const files = [...html.matchAll(/(?:href|src)="(\/[\w.-]+\.(\w+))"/g)].filter(([, , ending]) => ending !== 'csv')
    const types: Record<string, string> = { css: 'text/css', js: 'text/javascript', svg: 'image/svg+xml' }
    expect(files.length).toBeGreaterThan(3)
    for (const [, path, ending] of files) {
      const response = await get(path as string)
      expect([path, response.status, typeOf(response)]).toEqual([
        path,
        200,
        `${types[ending as string]}; charset=utf-8`,
      ])
    }
  })

  test('the page is whole without any other host', () => {
    for (const name of readdirSync(new URL('../demo/public/', import.meta.url))) {
      const text = readFileSync(new URL(`../demo/public/${name}`, import.meta.url), 'utf8')
      expect(text.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\//)
    }
  })

  test('the code beside each stream is the file that the server runs', async () => {
    const html = await (await get('/')).text()
    const names = [...html.matchAll(/data-source="(\w+)"/g)].map(([, name]) => name)
    expect(names).toHaveLength(8)
    for (const name of names) {
      const source = await (await get(`/source/${name}.mjs`)).text()
      expect(source).toBe(readFileSync(new URL(`../demo/routes/${name}.mjs`, import.meta.url), 'utf8'))
    }
  })

  test('a path that is no file of the page is not found', async () => {
    for (const path of ['/nothing', '/source/..%2fserver.mjs', '/source/../server.mjs', '/public/index.html']) {
      expect((await get(path)).status).toBe(404)
    }
  })
})

describe('/slow', () => {
  test('five items come half a second apart, and other requests are answered meanwhile', async () => {
    const slow = readArrivals(`${demo.url}/slow`)
    const answerTimes: number[] = []
    for (let i = 0; i < 15; i++) {
      const asked = performance.now()
      expect(await (await get('/health')).json()).toMatchObject({ ok: true })
      answerTimes.push(performance.now() - asked)
      await pause(100)
    }
    const { arrivals, response } = await slow
    expect(typeOf(response)).toBe('text/plain; charset=utf-8')
    expect(arrivals.map(({ text }) => text)).toEqual([1, 2, 3, 4, 5].map((i) => `item ${i} of 5\n`))
    const gaps = arrivals.slice(1).map(({ ms }, i) => ms - arrivals[i]!.ms)
    for (const gap of gaps) expect(gap).toBeGreaterThan(300)
    expect(arrivals[0]!.ms).toBeLessThan(400)
    expect(answerTimes.sort((a, b) => a - b)[7]).toBeLessThan(100)
  })
})

describe('/answer', () => {
  test('tokens come one by one and make up the text', async () => {
    const { response, arrivals, text } = await readArrivals(`${demo.url}/answer?q=why`)
    expect(typeOf(response)).toBe('text/plain; charset=utf-8')
    expect(text).toMatch(/^Because the first line .* when the reader is slow\.$/s)
    expect(arrivals.length).toBeGreaterThan(60)
    for (const piece of arrivals) expect(piece.text.length).toBeLessThan(40)
    expect(arrivals.at(-1)!.ms - arrivals[0]!.ms).toBeGreaterThan(1_500)
  })

  test('a reader who leaves ends the generator within a second, and its finally block runs', async () => {
    log.length = 0
    await readArrivals(`${demo.url}/answer?q=gone`, { stopWhen: (text) => text.length > 30 })
    const left = performance.now()
    const line = await until('the line of the finally block', () => log[0])
    expect(performance.now() - left).toBeLessThan(1_000)
    expect(Number(/^\/answer: (\d+) tokens sent$/.exec(line)?.[1])).toBeLessThan(30)
    await noStreamLeft()
  })
})

describe('/events', () => {
  /** Ids and data of the events that came until `count` of them were there. */
  async function events(path: string, count: number, headers: Record<string, string> = {}) {
    const { response, text } = await readArrivals(demo.url + path, {
      headers,
      stopWhen: (text) => text.split('\n\n').length > count,
    })
    const found = [...text.matchAll(/id: (\d+)\ndata: (.*)\n\n/g)]
    return { response, events: found.map(([, id, data]) => ({ id: Number(id), ...JSON.parse(data as string) })) }
  }

  test('events have ids in a row, and prices', async () => {
    const { response, events: live } = await events('/events', 3)
    expect(typeOf(response)).toBe('text/event-stream')
    expect(live.length).toBeGreaterThanOrEqual(2)
    expect(Object.keys(live[0].prices)).toEqual(['MSFT', 'AMZN', 'IBM', 'GOOG', 'AAPL'])
    for (const [i, { id }] of live.entries()) expect(id).toBe(live[0].id + i)
  })

  test('a client that comes back with Last-Event-ID gets what it missed, and nothing twice', async () => {
    const { events: before } = await events('/events?after=0', 20)
    const lastId = before[9].id
    await pause(500)
    const { events: resumed } = await events('/events', 12, { 'last-event-id': String(lastId) })
    expect(resumed[0].id).toBe(lastId + 1)
    // What was sent before comes again as it was.
    for (const [i, { prices }] of before.slice(10).entries()) expect(resumed[i].prices).toEqual(prices)
  })

  test('an id that the server never gave means from now on', async () => {
    const { events: newest } = await events('/events', 2)
    const { events: lost } = await events('/events', 2, { 'last-event-id': '99999999' })
    expect(lost[0].id).toBeGreaterThan(newest[0].id)
  })

  test('dropping the connection ends the stream in good order', async () => {
    const ended = readArrivals(`${demo.url}/events`)
    await until('an active stream', () => demo.app.stats().activeStreams === 1)
    expect((await get('/events/drop', { method: 'POST' })).status).toBe(204)
    await ended
    await noStreamLeft()
  })
})

describe('/rows.jsonl', () => {
  test('every postal code comes as a line of JSON', async () => {
    const response = await get('/rows.jsonl')
    expect(typeOf(response)).toBe('application/x-ndjson')
    const lines = (await response.text()).split('\n')
    expect(lines.pop()).toBe('')
    expect(lines).toHaveLength(42_049)
    expect(response.headers.get('x-total-records')).toBe('42049')
    const rows = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(rows[0]).toEqual({
      zip: '00501',
      city: 'Holtsville',
      state: 'NY',
      county: 'Suffolk',
      latitude: 40.922326,
      longitude: -72.637078,
    })
    expect(new Set(rows.map(({ zip }) => zip)).size).toBe(42_049)
  })

  test('a rate spreads the rows over time', async () => {
    const { arrivals, text } = await readArrivals(`${demo.url}/rows.jsonl?rate=100`, {
      stopWhen: (text) => text.split('\n').length > 60,
    })
    const rows = text.split('\n').length - 1
    expect(arrivals.length).toBeGreaterThan(20)
    expect(arrivals.at(-1)!.ms).toBeGreaterThan((rows - 1) * 10 - 20)
  })

  test('a reader who leaves has the file closed behind it', async () => {
    const isOpen = () => openFiles().some((file) => file.endsWith('zipcodes.csv'))
    await noStreamLeft()
    const { ended: endedBefore } = (await (await get('/stats')).json()) as Stats
    await readArrivals(`${demo.url}/rows.jsonl?rate=200`, { stopWhen: (text) => text.length > 500 && isOpen() })
    const left = performance.now()
    await noStreamLeft()
    await until('the file is closed', () => !isOpen())
    expect(performance.now() - left).toBeLessThan(1_000)

    const { ended, activeStreams } = (await (await get('/stats')).json()) as Stats
    expect(activeStreams).toBe(0)
    expect(ended[0]!.number).toBe((endedBefore[0]?.number ?? 0) + 1)
    expect(ended[0]).toMatchObject({ url: '/rows.jsonl?rate=200', outcome: 'client-abort' })
  })
})

test('/download is a whole file with its length', async () => {
  const response = await get('/download')
  const bytes = Buffer.from(await response.arrayBuffer())
  expect(response.headers.get('content-length')).toBe(String(bytes.length))
  expect(bytes.equals(readFileSync(dataFile('zipcodes.csv')))).toBe(true)
})

describe('/export.csv', () => {
  test('the export is a named file that a CSV reader understands', async () => {
    const response = await get('/export.csv')
    expect(typeOf(response)).toMatch(/^text\/csv; charset=utf-8/)
    expect(response.headers.get('content-disposition')).toMatch(/^attachment; filename="?earthquakes\.csv"?$/)
    const [header, ...records] = parseCsv(await response.text())
    expect(header).toEqual(['time', 'place', 'magnitude', 'depth_km', 'latitude', 'longitude'])
    expect(records).toHaveLength(1_707)

    const { features } = JSON.parse(readFileSync(dataFile('earthquakes.json'), 'utf8')) as GeoJson
    const originals = features.map(({ properties: { time, place, mag }, geometry: { coordinates } }) => [
      new Date(time).toISOString(),
      place,
      String(mag ?? ''),
      ...[coordinates[2], coordinates[1], coordinates[0]].map(String),
    ])
    expect(records).toEqual(originals)
  })
})

describe('/million', () => {
  test('one million lines arrive byte for byte', async () => {
    const expected = createHash('sha256')
    for (let i = 0; i < 1_000_000; i++) expected.update(`Data ${i}\n`)
    const received = createHash('sha256')
    const response = await get('/million')
    expect(typeOf(response)).toBe('text/plain; charset=utf-8')
    for await (const bytes of response.body as ReadableStream<Uint8Array>) received.update(bytes)
    expect(received.digest('hex')).toBe(expected.digest('hex'))
  })

  test('HEAD does not run the generator', async () => {
    const response = await get('/million', { method: 'HEAD' })
    expect([response.status, typeOf(response), await response.text()]).toEqual([200, 'text/plain; charset=utf-8', ''])
    await noStreamLeft()
  })
})

describe('/endless', () => {
  test('the generator waits for a reader who does not read, and is closed when he leaves', async () => {
    const leaving = new AbortController()
    await get('/endless', { signal: leaving.signal }) // Its body is left alone.
    const bytesWritten = () => demo.app.stats().bytesWritten
    let before = -1
    await until('the buffers between are full', async () => {
      before = bytesWritten()
      await pause(300)
      return bytesWritten() === before
    })
    expect(demo.app.stats().activeStreams).toBe(1)
    leaving.abort()
    await noStreamLeft()
  })
})

describe('/report', () => {
  test('the report arrives in parts, in order', async () => {
    const { response, arrivals, text } = await readArrivals(`${demo.url}/report`)
    expect(typeOf(response)).toBe('text/plain; charset=utf-8')
    const titles = [
      'THE WEATHER',
      'Year by year',
      'Rain in a month',
      'Kinds of day',
      'Days to remember',
      'End of report\n',
    ]
    const places = titles.map((title) => text.indexOf(title))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(places).not.toContain(-1)
    expect(text.endsWith('End of report\n')).toBe(true)
    expect(arrivals.length).toBeGreaterThan(10)
    expect(arrivals.at(-1)!.ms - arrivals[0]!.ms).toBeGreaterThan(800)
  })
})

describe('/stats', () => {
  test('streams are counted while they run and told of when they end', async () => {
    await noStreamLeft()
    const running = readArrivals(`${demo.url}/slow?name=counted`)
    await until('an active stream', async () => ((await (await get('/stats')).json()) as Stats).activeStreams === 1)
    await running
    const stats = (await (await get('/stats')).json()) as Stats
    expect(stats).toMatchObject({ activeStreams: 0, transport: expect.stringMatching(/^(native|node)$/) })
    expect(stats.memoryBytes).toBeGreaterThan(10_000_000)
    expect(stats.ended[0]).toMatchObject({ url: '/slow?name=counted', outcome: 'completed', bytes: 60 })
  })
})

// The program as it is built: this needs `npm run build`, which `npm test` does first.
describe('npm start', () => {
  const script = fileURLToPath(new URL('../demo/server.mjs', import.meta.url))

  function run(env: Record<string, string>) {
    const child = spawn(process.execPath, [script], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = { text: '' }
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (output.text += String(bytes)))
    return { child, output }
  }

  test('it says where it is and what to try, and SIGTERM ends it while a stream is open', async () => {
    const { child, output } = run({ PORT: '0' })
    try {
      const started = () => child.exitCode !== null || /curl -N (\S+)\/million/.test(output.text)
      await until('the last curl line', started, 15_000)
      const [, url] = /curl -N (\S+)\/million/.exec(output.text) ?? []
      if (url === undefined) throw new Error(`It ended with ${output.text}`)
      expect(output.text.match(/^ {2}curl -N /gm)).toHaveLength(3)
      expect(output.text).toMatch(/transport +(native engine|node:http)\n/)
      const { text } = await readArrivals(`${url}/events?after=0`, { stopWhen: (text) => text.includes('id: ') })
      expect(text).toContain('data: {')

      const open = await fetch(`${url}/events`)
      const exit = once(child, 'exit')
      const asked = performance.now()
      child.kill('SIGTERM')
      expect(await exit).toEqual([0, null])
      expect(performance.now() - asked).toBeLessThan(4_000)
      await open.text().catch(() => '')
    } finally {
      child.kill('SIGKILL')
    }
  })

  test('a port that was asked for and is taken is refused in one line', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { child, output } = run({ PORT: String(port) })
    try {
      expect(await once(child, 'exit')).toEqual([1, null])
      expect(output.text).toContain(`Port ${port} is taken. Choose another one: PORT=${port + 1} npm start`)
    } finally {
      child.kill('SIGKILL')
      other.close()
    }
  })
})

interface Stats {
  activeStreams: number
  transport: string
  memoryBytes: number
  ended: { number: number; url: string; outcome: string; bytes: number; ms: number }[]
}

interface GeoJson {
  features: {
    properties: { time: number; place: string; mag: number | null }
    geometry: { coordinates: [number, number, number] }
  }[]
}

function dataFile(name: string): string {
  return fileURLToPath(new URL(`../node_modules/vega-datasets/data/${name}`, import.meta.url))
}

/** Paths of the files that this process has open, where the system tells. */
function openFiles(): string[] {
  try {
    return readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)]
      } catch {
        return [] // Closed since the folder was read.
      }
    })
  } catch {
    return ['zipcodes.csv'].filter(() => demo.app.stats().activeStreams > 0)
  }
}
