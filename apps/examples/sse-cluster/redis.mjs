// A Redis of the example's own: on a free port of this machine, and with what it has acknowledged on disk.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export async function startRedis() {
  const dir = mkdtempSync(join(tmpdir(), 'catzilla-sse-cluster-'))
  const port = await freePort()
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child

  async function start() {
    if (child !== undefined) return
    const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', dir, '--save', '']
    child = spawn('redis-server', [...args, '--appendonly', 'yes', '--appendfsync', 'always'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await ready(child)
  }

  /** As a power cut: no time for anything. */
  async function kill() {
    if (child === undefined) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    child = undefined
    await gone
  }

  await start()
  return {
    port,
    start,
    kill,
    async close() {
      await kill()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** @param {import('node:child_process').ChildProcess} child */
function ready(child) {
  return new Promise((resolve, reject) => {
    let log = ''
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      log += text
      if (log.includes('Ready to accept connections')) resolve(undefined)
    })
    child.once('error', () => reject(new Error('This example needs Redis: sudo apt-get install -y redis-server')))
    child.once('exit', (code) => reject(new Error(`redis-server exited with ${code}:\n${log}`)))
  })
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  server.close()
  await once(server, 'close')
  return port
}
