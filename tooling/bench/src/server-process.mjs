// A contestant as a running process.
import { setTimeout as sleep } from 'node:timers/promises'
import { spawnPinned } from './child.mjs'
import { tidyText } from './tidy-text.mjs'

/** @import { Contestant, Server } from './types.ts' */

const START_SECONDS = 20
const STOP_SECONDS = 3
const DYING_MS = 500

/**
 * @param {Contestant} contestant
 * @param {number} core
 * @returns {Promise<Server>}
 */
export async function startServer(contestant, core) {
  const child = spawnPinned(contestant.command(), { core, env: { NODE_ENV: 'production', ...contestant.env } })
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

  try {
    const port = await Promise.race([portFrom(child), exited])
    if (port === undefined) throw new Error(await causeOfDeath())
    return { contestant, port, pid: /** @type {number} */ (child.pid), causeOfDeath, stop }
  } catch (error) {
    if (child.pid !== undefined) await stop()
    throw error
  }
}

/**
 * @param {import('node:child_process').ChildProcessByStdio<null, import('node:stream').Readable, any>} child
 * @returns {Promise<number>}
 */
function portFrom(child) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no port within ${START_SECONDS} s`)), START_SECONDS * 1000)
    child.once('close', () => clearTimeout(timer))
    child.once('error', reject)
    let stdout = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout = (stdout + text).slice(-1000)
      const port = /listening on 127\.0\.0\.1:(\d+)\s/.exec(stdout)?.[1]
      if (port === undefined) return
      clearTimeout(timer)
      resolve(Number(port))
    })
  })
}
