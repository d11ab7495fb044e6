// The same bytes to our parser (whose answers stand in the case files, and are tested there) and to Node's own.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readCases } from './case-file.ts'
import { MORE_LENIENT, STRICTER, type Difference } from './differential/differences.ts'

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
