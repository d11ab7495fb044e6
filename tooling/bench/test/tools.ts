import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export const benchFolder = join(import.meta.dirname, '..')

/** The tools are for Linux (epoll, schedstat) and are compiled where they run. */
export const supported =
  process.platform === 'linux' &&
  spawnSync(process.env['CXX'] ?? 'c++', ['--version'], { stdio: 'ignore' }).status === 0

/** Client and server want a core each. */
export const twoCores = availableParallelism() >= 2

export function buildTools() {
  const { status, stderr } = spawnSync(process.execPath, ['src/run.mjs', '--build'], {
    cwd: benchFolder,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
}

/** A tool that goes on until it is released: `hold`, `subscribe`. */
export function startTool(tool: string, port: number, ...args: string[]) {
  const child = spawn(join(benchFolder, 'build', tool), ['--port', String(port), '--deadline', '10', ...args])
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const closed = once(child, 'close')
  const line = async () => {
    const { value, done } = await lines.next()
    return done ? undefined : (JSON.parse(value) as Record<string, number>)
  }
  const ended = async () => {
    const last = await line()
    await closed
    return { line: last, stderr }
  }
  return {
    line,
    ended,
    say(text: string) {
      child.stdin.write(`${text}\n`)
      return line()
    },
    release() {
      child.stdin.end()
      return ended()
    },
  }
}

/** What a tool printed, and its status. */
export function runTool(tool: string, port: number, ...args: string[]) {
  const command = join(benchFolder, 'build', tool)
  return new Promise<{ failed: boolean; figures: Record<string, unknown>; stderr: string }>((resolve) => {
    execFile(command, ['--port', String(port), '--deadline', '10', ...args], (error, stdout, stderr) => {
      resolve({ failed: error !== null, figures: stdout === '' ? {} : JSON.parse(stdout), stderr })
    })
  })
}
