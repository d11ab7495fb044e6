import { spawn, type ChildProcess } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe } from 'vitest'
import { within } from './waits.ts'

const START_MS = 10_000

/** Where the bus of a cluster listens is the port and this: a port that leaves no room for it is no use. */
const CLUSTER_BUS = 10_000
const ATTEMPTS = 5

/** The path of Debian's `redis-server`, or of another one on the PATH. */
export function findRedis(): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'redis-server'))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false // Not here.
      }
    })
}

/** Tests that need Redis: skipped without it, but not in CI. */
export function describeWithRedis(name: string, define: () => void): void {
  const missing = findRedis() === undefined && !process.env['CI']
  if (missing) console.warn(`${name}: needs Redis: sudo apt-get install -y redis-server`)
  describe.skipIf(missing)(
    name,
    () => {
      define()
    },
    60_000,
  )
}

/** A Redis of the test's own, on a free port of the loopback, that keeps what it has acknowledged. */
export class RedisServer {
  private process: ChildProcess | undefined
  private readonly dir = mkdtempSync(join(tmpdir(), 'catzilla-redis-'))

  private constructor(
    readonly port: number,
    private readonly options: readonly string[],
  ) {}

  static async start(...options: string[]): Promise<RedisServer> {
    for (let attempt = 1; ; attempt++) {
      const server = new RedisServer(await freePort(), options)
      try {
        await server.run()
        return server
      } catch (error) {
        await server.stop()
        if (attempt === ATTEMPTS) throw error // Somebody else may have taken the port in between.
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Starts it again, with what it had stored. */
  async run(): Promise<void> {
    const child = spawn(
      findRedis() ?? 'redis-server',
      // prettier-ignore
      [
        '--bind', '127.0.0.1', '--port', String(this.port), '--dir', this.dir, '--save', '',
        '--appendonly', 'yes', '--appendfsync', 'always', ...this.options,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    this.process = child
    let log = ''
    const started = new Promise<void>((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        log += text
        if (log.includes('Ready to accept connections')) resolve()
      })
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`redis-server exited with ${code}:\n${log}`)))
    })
    await within(started, 'redis-server should start', START_MS)
  }

  /** As a power cut: no time for anything. */
  async kill(): Promise<void> {
    const child = this.process
    this.process = undefined
    if (child === undefined || child.exitCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  async stop(): Promise<void> {
    await this.kill()
    rmSync(this.dir, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const another = port + CLUSTER_BUS > 65_535 ? freePort() : port // Asked while this one is taken.
  await another
  await new Promise((resolve) => server.close(resolve))
  return another
}
