// Mutated requests to our engine, to node:http and to a reading of RFC 9112 by its grammar; ours also cut into pieces. 3,000 inputs here,
// 100,000 in `npm run test:matrix` (CATZILLA_DIFFERENTIAL says how many, CATZILLA_SEED where they begin).
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { BodyState, createEngine, listen, type NativeEngine } from '@catzilla/core-native'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readCases } from './case-file.ts'
import { read, type Message, type Reading } from './differential/grammar.ts'
import { mutate, seeded } from './differential/mutate.ts'

const INPUTS = Number(process.env['CATZILLA_DIFFERENTIAL'] ?? 3000)
const SEED = Number(process.env['CATZILLA_SEED'] ?? 1)
const AT_ONCE = 16

/** Ours refuses what the grammar has, or Node takes: by the name of our error. docs/http1.md has the clauses. */
const STRICTER: Record<string, string> = {
  tunnel: 'CONNECT asks for a tunnel; Node closes the connection without an answer',
  'target-form': 'each form of a target belongs to some methods; hosts and ports in it are checked',
  'target-too-long': '8 KiB',
  'method-too-long': '32 bytes',
  'host-invalid': 'no list, no IPvFuture, no zone, a port up to 65535, a real IPv6 address; Node does not look at it',
  'host-repeated': 'RFC 9112 §3.2 demands a 400; Node keeps the first',
  'host-missing': 'RFC 9112 §3.2 demands a 400; Node answers so, too, but reads on',
  'connection-invalid': 'Connection is a list of tokens',
  'expectation-unsupported': 'Node leaves these to the application, or takes the first word',
  'content-length-invalid': 'digits only',
  'content-length-repeated': 'once, even where all are equal',
  'content-length-too-large': 'lengths travel as JavaScript numbers',
  'transfer-encoding-invalid': 'chunked alone, once, and with nothing around it',
  'transfer-encoding-repeated': 'one line',
  'transfer-encoding-unsupported': '501; Node hands the coded body to the application',
  'transfer-encoding-in-http-1-0': 'RFC 9112 §6.1: the framing is faulty',
  'chunk-size-too-large': '16 digits, leading zeros too',
  'chunk-size-invalid': 'no whitespace behind a size, which §7.1.1 would have a recipient accept',
  'chunk-extension-invalid': 'no whitespace, no empty names or values, quotes at the start only',
  'chunk-extensions-too-large': '4 KiB in a body',
  'trailer-forbidden': 'RFC 9110 §6.5.1',
  'trailers-too-large': '4 KiB',
  'too-many-fields': '100; Node drops the rest, silently',
  'head-too-large': '16 KiB',
  'version-unsupported': '1.0 and 1.1',
  'version-malformed': 'one space before the version, and no HTTP/0.9',
  'target-invalid': 'one space, no fragment, no byte outside of ASCII',
  'bare-cr': 'exactly one CRLF may stand before a request; Node takes any number of CR and LF',
  'bare-lf': 'exactly one CRLF may stand before a request; Node takes any number of CR and LF',
}

/** Node refuses what ours takes and the grammar has: by Node's code. */
const MORE_LENIENT: Record<string, string> = {
  HPE_INVALID_METHOD: 'RFC 9110 §9.1: any token is a method; Node has a list',
  HPE_INVALID_CONSTANT: 'the same, where the token begins as one of the list does',
  upgrade: 'Node reads nothing behind a request that asks for one, though nobody grants it',
  HPE_CLOSED_CONNECTION: 'bytes behind Connection: close; our connection does not read them',
}

interface Answers {
  readonly messages: readonly Message[]
  readonly refusal: string | undefined
}

let engine: NativeEngine
let ours: number
const nodeServer = createServer()
/** What Node heard, by the port of the peer. */
const heard = new Map<number, { requests: { request: IncomingMessage; body: string }[]; refusal?: string }>()

beforeAll(async () => {
  const bodies = new Map<number, { head: string; body: string }>()
  const readOn = (slot: number, generation: number) => {
    const { head, body } = bodies.get(slot)!
    const part = engine.readBody(slot, generation)
    if (part instanceof Uint8Array) {
      bodies.set(slot, { head, body: body + Buffer.from(part).toString('latin1') })
      readOn(slot, generation)
    } else if (part === BodyState.end) {
      const echo = Buffer.from(JSON.stringify([head, body])).toString('base64')
      engine.answer(slot, generation, 200, false, `x-echo: ${echo}\r\n`, 'ok')
    } else if (typeof part === 'string') {
      engine.answer(slot, generation, 400, false, '', `(${part})`)
    } else if (part !== BodyState.wait) {
      engine.abort(slot, generation)
    }
  }
  const ignore = () => {}
  engine = createEngine(
    {},
    {
      request(slot, generation, { method, target }) {
        bodies.set(slot, { head: `${method} ${target}`, body: '' })
        readOn(slot, generation)
      },
      bodyReadable: readOn,
      drained: ignore,
      halfClosed: ignore,
      failed: ignore,
      lost: ignore,
      released: ignore,
      missed: ignore,
      allClosed: ignore,
    },
  )
  listen(engine, '127.0.0.1', 0)
  ours = engine.address().port

  const peerOf = (socket: Socket) => {
    const port = socket.remotePort!
    if (!heard.has(port)) heard.set(port, { requests: [] })
    return heard.get(port)!
  }
  nodeServer.on('request', (request, response) => {
    const entry = { request, body: '' }
    peerOf(request.socket).requests.push(entry)
    request.on('data', (bytes: Buffer) => (entry.body += bytes.toString('latin1')))
    request.on('end', () => response.end())
    request.on('error', () => response.destroy())
  })
  nodeServer.on('connect', (request: IncomingMessage, socket: Socket) => {
    peerOf(socket).refusal = 'CONNECT'
    socket.end()
  })
  nodeServer.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code !== 'HPE_INVALID_EOF_STATE' && error.code !== 'ECONNRESET') {
      peerOf(socket as Socket).refusal ??= error.code ?? error.message
    }
    socket.destroy()
  })
  nodeServer.listen(0, '127.0.0.1')
  await once(nodeServer, 'listening')
})

afterAll(async () => {
  nodeServer.close()
  nodeServer.closeAllConnections()
  engine.resetAll()
  await new Promise((resolve) => setImmediate(resolve))
  engine.end()
})

test(`${INPUTS} mutated inputs: the grammar refuses what we do not take, Node differs where it is listed, and borders do not matter`, async () => {
  // Most begin as good requests: of the rest nearly all are refused at the first fault, and the second is never seen.
  const cases = readCases().filter(({ input }) => input.length <= 1024)
  const good = cases.filter(({ outcome }) => !/^(error|incomplete)/.test(outcome))
  const corpus = [...cases, ...Array.from({ length: 8 }, () => good).flat()].map(({ input }) =>
    input.toString('latin1'),
  )
  let next = SEED
  let refused = 0
  const faults: string[] = []
  const worker = async () => {
    while (next < SEED + INPUTS && faults.length < 5) {
      const seed = next++
      const random = seeded(seed)
      const input = mutate(corpus, random)
      const [whole, node] = await Promise.all([askOurs([input]), askNode(input)])
      const pieces = cutInPieces(input, random)
      const cut = await askOurs(pieces)
      if (whole.refusal !== undefined) refused++
      const reading = read(input)
      const fault =
        againstGrammar(whole, reading) ?? againstNode(whole, node, reading) ?? againstPieces(whole, cut, pieces)
      if (fault !== undefined) faults.push(`seed ${seed}: ${fault}\n${JSON.stringify(input)}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  expect(faults.join('\n\n')).toBe('')
  // Neither all the same nor all different: else this says nothing.
  expect(refused / INPUTS).toBeGreaterThan(0.2)
  expect(refused / INPUTS).toBeLessThan(0.9)
}, 1_200_000)

function againstGrammar({ messages, refusal }: Answers, reading: Reading): string | undefined {
  for (const [at, message] of messages.entries()) {
    const wanted = reading.messages[at]
    if (wanted === undefined) return `we take a message that the grammar has not (${reading.end}): ${show(message)}`
    if (show(message) !== show(wanted)) return `read as ${show(message)}, by the grammar it is ${show(wanted)}`
  }
  if (refusal === undefined) {
    if (reading.end.startsWith('refused')) return `we do not refuse: ${reading.end}`
    if (messages.length < reading.messages.length) return `not heard: ${show(reading.messages[messages.length]!)}`
  } else if (!refuses(reading, messages.length) && !(refusal in STRICTER)) {
    return `refused without a rule: ${refusal}`
  }
  return undefined
}

/** Whether the grammar has nothing behind so many messages. A beginning that can never become whole is `incomplete` to it. */
function refuses(reading: Reading, messages: number): boolean {
  return reading.messages.length === messages && /^(refused|incomplete)/.test(reading.end)
}

function againstNode(we: Answers, node: Answers, reading: Reading): string | undefined {
  const both = Math.min(we.messages.length, node.messages.length)
  for (let at = 0; at < both; at++) {
    const [a, b] = [show(we.messages[at]!), show(node.messages[at]!)]
    if (a !== b) return `read as ${a}, by Node as ${b}`
  }
  // Node overlooks `close` in some lists, as in `keep-alive, close`, and reads on.
  if (reading.end === 'closed' && we.messages.length === reading.messages.length) return undefined
  if (node.messages.length > both || (we.refusal !== undefined && node.refusal === undefined)) {
    if (we.refusal === undefined) return `only Node heard ${show(node.messages[both]!)}`
    if (!refuses(reading, we.messages.length) && !(we.refusal in STRICTER)) return `only we refuse: ${we.refusal}`
  }
  if (we.messages.length > both || (node.refusal !== undefined && we.refusal === undefined)) {
    if (node.refusal === undefined) return `only we heard ${show(we.messages[both]!)}`
    const unfinished = reading.end === 'incomplete' && we.messages.length === both
    if (!unfinished && !(node.refusal in MORE_LENIENT)) return `only Node refuses: ${node.refusal}`
  }
  return undefined
}

function againstPieces(whole: Answers, cut: Answers, pieces: string[]): string | undefined {
  const [a, b] = [JSON.stringify(whole), JSON.stringify(cut)]
  return a === b ? undefined : `whole ${a}\nin pieces ${b} of ${pieces.map((piece) => piece.length).join()}`
}

const show = ({ method, target, body }: Message) => JSON.stringify([method, target, body])

function cutInPieces(input: string, random: (below: number) => number): string[] {
  const places = Array.from({ length: 1 + random(3) }, () => random(input.length + 1)).sort((a, b) => a - b)
  return [0, ...places].map((start, at) => input.slice(start, places[at] ?? input.length))
}

async function askOurs(pieces: string[]): Promise<Answers> {
  const { received } = await exchange(ours, pieces)
  const messages: Message[] = []
  let refusal: string | undefined
  for (let rest = received; rest !== '';) {
    const end = rest.indexOf('\r\n\r\n')
    const head = rest.slice(0, end)
    rest = rest.slice(end + 4)
    const status = head.slice(9, 12)
    if (status === '100') continue
    const echo = /x-echo: (.*)/.exec(head)?.[1]
    const length = Number(/content-length: (\d+)/.exec(head)![1])
    if (echo === undefined) {
      refusal = /\((.*)\)/.exec(rest)?.[1] ?? status
      break
    }
    const [start, body] = JSON.parse(Buffer.from(echo, 'base64').toString()) as [string, string]
    const [method, target] = start.split(' ') as [string, string]
    messages.push({ method, target, body })
    if (method !== 'HEAD') rest = rest.slice(length)
  }
  return { messages, refusal }
}

async function askNode(input: string): Promise<Answers> {
  const { port, received } = await exchange((nodeServer.address() as AddressInfo).port, [input])
  const { requests, refusal } = heard.get(port) ?? { requests: [] }
  heard.delete(port)
  const whole = requests.filter(({ request }) => request.complete)
  return {
    messages: whole.map(({ request, body }) => ({ method: request.method!, target: request.url!, body })),
    refusal: refusal ?? upgradeOf(requests.at(-1)?.request) ?? /^HTTP\/1\.1 ([45]\d\d)/m.exec(received)?.[1],
  }
}

function upgradeOf(request: IncomingMessage | undefined): string | undefined {
  const { upgrade, connection = '' } = request?.headers ?? {}
  return upgrade !== undefined && /upgrade/i.test(connection) ? 'upgrade' : undefined
}

/** Both servers run on this loop: after two turns of it, each has read what was written. */
async function exchange(to: number, pieces: string[]): Promise<{ port: number; received: string }> {
  const socket = connect({ port: to, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  await once(socket, 'connect')
  const port = socket.localPort!
  let received = ''
  socket.on('data', (bytes: Buffer) => (received += bytes.toString('latin1')))
  socket.on('error', () => {}) // a reset is an answer, too: the close follows
  const closed = once(socket, 'close')
  socket.on('end', () => socket.end())
  for (const [at, piece] of pieces.entries()) {
    if (at > 0) for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve))
    if (!socket.destroyed) socket.write(piece, 'latin1')
  }
  socket.end()
  await closed
  return { port, received }
}
