// The same bytes to our parser (whose answers stand in the case files, and are tested there) and to Node's own.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readCases } from './case-file.ts'

interface Difference {
  /** Our error, or for what we accept the start of the case's title. */
  of: string
  /** Only cases whose title starts so. */
  in?: string
  reason: string
}

/** What we refuse and Node may accept. Not every Node does: its parser grows stricter, too. */
const STRICTER: Difference[] = [
  {
    of: 'bare-cr',
    in: 'request-line.md: What may stand',
    reason: 'one empty line before a request, not any number of CR and LF',
  },
  {
    of: 'bare-lf',
    in: 'request-line.md: What may stand',
    reason: 'one empty line before a request, not any number of CR and LF',
  },
  {
    of: 'target-invalid',
    in: 'request-line.md: Exactly one space',
    reason: 'one space between the parts of a request line',
  },
  { of: 'target-invalid', in: 'request-line.md: Origin form', reason: 'no target form has a fragment' },
  { of: 'target-form', reason: 'each form of a target belongs to some methods; hosts and ports in it are checked' },
  { of: 'version-malformed', reason: 'one space before the version, and no HTTP/0.9' },
  { of: 'version-unsupported', reason: 'we speak 1.0 and 1.1' },
  { of: 'host-repeated', reason: 'RFC 9112 §3.2 demands a 400; Node keeps the first' },
  { of: 'host-invalid', reason: 'RFC 9112 §3.2 demands a 400; Node does not look at the value' },
  { of: 'connection-invalid', reason: 'Connection is a list of tokens' },
  { of: 'expectation-unsupported', reason: 'Node leaves these to the application, or takes the first word' },
  { of: 'content-length-invalid', reason: 'no tab around a length' },
  { of: 'content-length-too-large', reason: 'lengths travel as JavaScript numbers' },
  { of: 'transfer-encoding-invalid', reason: 'an empty coding, or chunked not in the same line' },
  { of: 'transfer-encoding-unsupported', reason: 'Node hands the coded body to the application' },
  { of: 'transfer-encoding-repeated', reason: 'an empty second line' },
  { of: 'transfer-encoding-in-http-1-0', reason: 'RFC 9112 §6.1: the framing is faulty' },
  { of: 'chunk-size-too-large', reason: 'lengths travel as JavaScript numbers, and 16 digits are enough' },
  { of: 'chunk-extension-invalid', reason: 'names and values may not be empty, quotes stand at the start only' },
  { of: 'chunk-extensions-too-large', reason: '4 KiB in a body; Node: 16 KiB' },
  { of: 'trailer-forbidden', reason: 'RFC 9110 §6.5.1; Node hands them to the application' },
  { of: 'trailers-too-large', reason: '4 KiB; Node: the size of a head' },
  { of: 'target-too-long', reason: '8 KiB; Node has no limit but that of the head' },
  { of: 'too-many-fields', reason: 'Node drops what exceeds its limit, silently' },
  {
    of: 'head-too-large',
    in: 'limits.md: The size of a head',
    reason: 'we count every byte, Node not the line endings',
  },
]

/** What we accept and Node refuses. */
const MORE_LENIENT: Difference[] = [
  {
    of: 'request-line.md: Methods are tokens',
    reason: 'RFC 9110 §9.1: any token; Node has a list, the application decides here',
  },
  {
    of: 'pipelining.md: Each request starts',
    reason: 'bytes behind Connection: close are the business of our connection, not of the parser',
  },
]

const explains = (difference: Difference, { title, ours }: Answer): boolean =>
  ours === undefined ? title.startsWith(difference.of) : difference.of === ours && title.startsWith(difference.in ?? '')

/** The errors of both; `undefined` for what is accepted. */
interface Answer {
  title: string
  ours: string | undefined
  nodes: string | undefined
}

let server: Server
const answers: Answer[] = []
/** By the port of the peer. */
const refusals = new Map<number, string>()

beforeAll(async () => {
  server = createServer((request, response) => {
    request.resume()
    request.on('end', () => response.end())
    request.on('error', () => response.destroy())
  })
  // What a server does with these is its own business; the parser has accepted them.
  server.on('upgrade', (_request, socket) => socket.end())
  server.on('connect', (_request, socket) => socket.end())
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refusals.set((socket as Socket).remotePort!, error.code ?? error.message)
    socket.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const cases = readCases()
  const worker = async (): Promise<void> => {
    for (let each = cases.shift(); each !== undefined; each = cases.shift()) {
      const ours = /^error \d+ (.*)/.exec(each.outcome)?.[1]
      answers.push({ title: each.title, ours, nodes: await askNode(each.input) })
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}, 60_000)

afterAll(() => {
  server.close()
  server.closeAllConnections()
})

/** Why Node refuses these bytes; `undefined` if it does not. An input that ends too early is not refused. */
async function askNode(input: Buffer): Promise<string | undefined> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  const port = socket.localPort!
  let received = ''
  socket.on('data', (chunk) => (received += chunk.toString('latin1')))
  socket.on('error', () => {}) // a reset is an answer, too: the close follows
  socket.end(input)
  await once(socket, 'close')
  const refusal = refusals.get(port)
  refusals.delete(port)
  if (refusal !== undefined) return refusal === 'HPE_INVALID_EOF_STATE' ? undefined : refusal
  return /^HTTP\/1\.1 ([45]\d\d)/m.exec(received)?.[1]
}

test('all cases were compared', () => {
  expect(answers.length).toBeGreaterThan(300)
})

test('Node accepts nothing that we refuse, but for the listed strictness', () => {
  const found = answers.filter(({ ours, nodes }) => ours !== undefined && nodes === undefined)
  expect(found.filter((each) => !STRICTER.some((difference) => explains(difference, each)))).toEqual([])
})

test('we accept nothing that Node refuses, but for the listed differences', () => {
  const found = answers.filter(({ ours, nodes }) => ours === undefined && nodes !== undefined)
  expect(found.filter((each) => !MORE_LENIENT.some((difference) => explains(difference, each)))).toEqual([])
})
