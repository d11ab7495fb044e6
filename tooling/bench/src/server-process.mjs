// A contestant as a running process.
import { setTimeout as sleep } from 'node:timers/promises'
import { spawnPinned } from './child.mjs'
import { tidyText } from './tidy-text.mjs'

/** @import { Contestant, Server } from './types.ts' */

const START_SECONDS = 20
const COLLECT_SECONDS = 20
const STOP_SECONDS = 3
const DYING_MS = 500

/**
 * @param {Contestant} contestant
 * @param {{ core: number, env?: Record<string, string> }} options `env`: what the scenario adds
 * @returns {Promise<Server>}
 */
export async function startServer(contestant, { core, env }) {
  const child = spawnPinned(contestant.command(), { core, env: { NODE_ENV: 'production', ...env, ...contestant.env } })
  const said = listenTo(child)
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr = (stderr + text).slice(0, 10_000)
  })
  let running = true
  const exited = new Promise((resolve) => {
    child.once('close', () => {
      running = false
      resolve(undefined)
    })
  })

  const causeOfDeath = async () => {
    // The connection of a dying server breaks before its process is gone and its last words are here.
    await Promise.race([exited, sleep(DYING_MS)])
    if (running) return undefined
    return tidyText(stderr) || `the server ended with ${child.signalCode ?? `status ${child.exitCode}`}`
  }
  const stop = async () => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_SECONDS * 1000)
    await exited
    clearTimeout(timer)
  }

  const collectGarbage = async () => {
    if (contestant.role === 'floor') return { heapUsed: Number.NaN } // It has no garbage, and no handler for the signal.
    const collected = said(/collected (\{.*\})\s/, COLLECT_SECONDS)
    child.kill('SIGUSR2')
    return JSON.parse(await collected)
  }

  try {
    const port = await Promise.race([said(/listening on 127\.0\.0\.1:(\d+)\s/, START_SECONDS), exited])
    if (port === undefined) throw new Error(await causeOfDeath())
    const pid = /** @type {number} */ (child.pid)
    return { contestant, port: Number(port), pid, causeOfDeath, collectGarbage, stop }
  } catch (error) {
    if (child.pid !== undefined) await stop()
    throw error
  }
}

/**
 * What the server prints: a function that waits for a pattern, from then on, and gives what its group holds.
 * @param {import('node:child_process').ChildProcessWithoutNullStreams} child
 * @returns {(pattern: RegExp, seconds: number) => Promise<string>}
 */
function listenTo(child) {
  let stdout = ''
  /** @type {{ pattern: RegExp, found: (text: string) => void } | undefined} */
  let wanted
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout = (stdout + text).slice(-1000)
    const found = wanted?.pattern.exec(stdout)?.[1]
    if (found !== undefined) wanted?.found(found)
  })

  return (pattern, seconds) =>
    new Promise((resolve, reject) => {
      const failed = () => reject(new Error(`nothing like ${pattern.source} within ${seconds} s`))
      const timer = setTimeout(failed, seconds * 1000)
      stdout = ''
      wanted = {
        pattern,
        found(text) {
          clearTimeout(timer)
          wanted = undefined
          resolve(text)
        },
      }
      child.once('close', () => clearTimeout(timer))
      child.once('error', reject)
    })
}
