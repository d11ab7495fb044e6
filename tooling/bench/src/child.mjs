// Child processes that are pinned, bounded, and never outlive the run.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { tidyText } from './tidy-text.mjs'

/** @import { ChildProcess } from 'node:child_process' */

/** @type {Set<ChildProcess>} */
const children = new Set()

process.on('exit', killAll)
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.once(signal, () => {
    killAll()
    process.kill(process.pid, signal)
  })
}

/**
 * Starts a program on one core. `exec` replaces each wrapper by the next, so the pid is the program's own.
 * @param {string[]} command
 * @param {{ core: number, env?: Record<string, string> }} options
 */
export function spawnPinned(command, { core, env = {} }) {
  const child = spawnWrapped(command, core, env)
  child.stdin.end()
  return child
}

/**
 * @param {string[]} command
 * @param {number} core
 * @param {Record<string, string>} env
 */
function spawnWrapped(command, core, env) {
  // `--pdeathsig`: the kernel ends the child even if this process is killed and cannot do it.
  const wrapped = ['setpriv', '--pdeathsig', 'KILL', 'taskset', '-c', String(core), ...command]
  const [program, ...args] = /** @type {[string, ...string[]]} */ (wrapped)
  const child = spawn(program, args, { stdio: 'pipe', env: { ...process.env, ...env } })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

/**
 * Runs a program to its end and returns its stdout.
 * @param {string[]} command
 * @param {{ core: number, seconds: number }} options `seconds`: the bound
 * @returns {Promise<string>}
 */
export function runPinned(command, { core, seconds }) {
  const child = spawnPinned(command, { core })
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(new Error(`cannot start ${command[0]}: ${error.message}`)))
    child.once('close', (status, signal) => {
      clearTimeout(timer)
      if (status === 0) resolve(stdout)
      else reject(new Error(tidyText(stderr) || `ended with ${signal ?? `status ${status}`}`))
    })
  })
}

/**
 * Starts a program that is asked for its lines one by one, and ends when its input does.
 * @param {string[]} command
 * @param {{ core: number, seconds: number }} options `seconds`: the bound
 */
export function startPinned(command, { core, seconds }) {
  const child = spawnWrapped(command, core, {})
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000)
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
  const output = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const exited = new Promise((resolve) => {
    child.once('close', resolve)
    child.once('error', resolve)
  })
  void exited.then(() => clearTimeout(timer))
  return {
    /** The next line; throws, with what the program said, when it ended instead. */
    async line() {
      const { value, done } = await output.next()
      if (!done) return value
      await exited
      throw new Error(tidyText(stderr) || `ended with ${child.signalCode ?? `status ${child.exitCode}`}`)
    },
    say: (/** @type {string} */ text) => void child.stdin.write(`${text}\n`),
    end: () => void child.stdin.end(),
  }
}

function killAll() {
  for (const child of children) child.kill('SIGKILL')
}
