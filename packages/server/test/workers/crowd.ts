import { afterEach } from 'vitest'
import { catzilla, type Address, type App, type ListenInit } from '@catzilla/server'
import { RawClient, until } from '@catzilla/testkit'
import { silent } from '../suite/silent.ts'
import { bundled } from './bundled.ts'

/** A server with several workers, and clients that know which of them they have. */
export class Crowd {
  private readonly clients: RawClient[] = []

  private constructor(
    readonly app: App,
    readonly address: Address,
  ) {}

  static async of(init: Partial<ListenInit> = {}, app = catzilla({ logger: silent })): Promise<Crowd> {
    const module = init.module ?? (await bundled('app'))
    const crowd = new Crowd(app, await app.listen({ host: '127.0.0.1', workers: 2, ...init, module }))
    crowds.push(crowd)
    return crowd
  }

  async connect(): Promise<RawClient> {
    const client = await RawClient.connect(this.address.port)
    this.clients.push(client)
    return client
  }

  /** Asks on a connection of its own. */
  async ask(path: string): Promise<string> {
    const client = await this.connect()
    const answer = await (await client.get(path)).whole()
    client.leave()
    return answer
  }

  /** A connection to one worker. */
  async connectTo(thread: string): Promise<RawClient> {
    for (;;) {
      const client = await this.connect()
      if ((await (await client.get('/who')).whole()) === thread) return client
      client.leave()
    }
  }

  /** The threads that answer, as soon as there are so many. */
  async threads(count = 2): Promise<string[]> {
    const seen = new Set<string>()
    for (let tries = 0; seen.size < count && tries < 300; tries++) seen.add(await this.ask('/who'))
    return [...seen].sort()
  }

  /** Waits until a worker has taken the place of one that ended. */
  async without(thread: string): Promise<string[]> {
    const before = (await this.app.totalStats()).restarts
    let restarts = before
    const looks = setInterval(() => void this.app.totalStats().then((stats) => (restarts = stats.restarts)), 20)
    await until(() => restarts > 0, `worker ${thread} should be started again`)
    clearInterval(looks)
    let threads: string[]
    do threads = await this.threads()
    while (threads.includes(thread) || threads.length < 2)
    return threads
  }

  async clear(): Promise<void> {
    for (const client of this.clients) client.leave()
    await this.app.close({ graceMs: 0 })
  }
}

const crowds: Crowd[] = []

afterEach(async () => {
  for (const crowd of crowds.splice(0)) await crowd.clear()
})
