// An engine on a socket of its own, and peers that speak bytes.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { until, within } from '@catzilla/testkit'
import { createEngine, listen, type EngineHandler, type EngineLimits, type NativeEngine } from '@catzilla/core-native'
import { onTestFinished } from 'vitest'

export interface Exchange {
  readonly slot: number
  readonly generation: number
}

/** Starts an engine that ends with its test, and checks that nothing of it is left. */
export function startEngine(
  handler: Partial<EngineHandler>,
  limits: EngineLimits = {},
  bind: (engine: NativeEngine) => void = (each) => listen(each, '127.0.0.1', 0),
): [NativeEngine, number] {
  const nothing = () => {}
  const deaf: EngineHandler = {
    request: nothing,
    bodyReadable: nothing,
    drained: nothing,
    halfClosed: nothing,
    failed: nothing,
    lost: nothing,
    released: nothing,
    missed: nothing,
    allClosed: nothing,
  }
  const engine = createEngine(limits, { ...deaf, ...handler })
  bind(engine)
  onTestFinished(async () => {
    engine.resetAll()
    await allGone(engine)
    engine.end()
  })
  return [engine, engine.address().port]
}

export async function allGone(engine: NativeEngine): Promise<void> {
  await until(() => engine.stats().connections === 0, 'all connections should be gone')
  const { exchanges, bufferedBytes } = engine.stats()
  if (exchanges !== 0 || bufferedBytes !== 0) throw new Error(`left behind: ${JSON.stringify(engine.stats())}`)
}

export const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'

/** Starts a chunked answer. */
export function startStream(
  engine: NativeEngine,
  { slot, generation }: Exchange,
  first: string | Uint8Array = 'first',
) {
  return engine.start(slot, generation, 200, false, '', -1, 65_536, first, false)
}

export function answer(engine: NativeEngine, { slot, generation }: Exchange, body: string | Uint8Array = 'hello') {
  return engine.answer(slot, generation, 200, false, '', body)
}

/** One connection. An error is an end like any other: what Node tells of a RST depends on what it read before. */
export class Peer {
  ended = false
  private pieces: Buffer[] = []

  private constructor(readonly socket: Socket) {
    socket.on('data', (bytes: Buffer) => this.pieces.push(bytes))
    socket.on('error', () => {})
    socket.on('end', () => (this.ended = true))
    socket.on('close', () => (this.ended = true))
  }

  static async connect(port: number, request?: string): Promise<Peer> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
    await within(once(socket, 'connect'), 'a connection')
    const peer = new Peer(socket)
    if (request !== undefined) socket.write(request)
    return peer
  }

  get received(): Buffer {
    if (this.pieces.length !== 1) this.pieces = [Buffer.concat(this.pieces)]
    return this.pieces[0]!
  }

  forget(): void {
    this.pieces = []
  }

  get text(): string {
    return this.received.toString('latin1')
  }

  async until(text: string): Promise<void> {
    await until(() => this.text.includes(text), `${JSON.stringify(text)} should arrive`)
  }
}
