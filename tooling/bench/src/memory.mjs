// Memory of a server, and what the kernel keeps for its sockets.
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** @import { Server } from './types.ts' */

const MOST_READINGS = 60

/**
 * What is left after a garbage collection: anonymous memory of the process (`RssAnon`, so neither the program's file pages nor
 * shared memory), and what of it is in JavaScript objects.
 * @param {Server} server
 * @returns {Promise<{ rssAnon: number, heapUsed: number }>} bytes; NaN for a heap that cannot be asked
 */
export async function restingMemory(server) {
  const { heapUsed } = await server.collectGarbage()
  let before = rssAnon(server.pid)
  // Collectors give memory back on threads of their own, a while later.
  for (let i = 0, calm = 0; i < MOST_READINGS && calm < 5; i++) {
    await sleep(50)
    const now = rssAnon(server.pid)
    calm = Math.abs(now - before) <= 16 * 1024 ? calm + 1 : 0
    before = now
  }
  return { rssAnon: before, heapUsed }
}

/** @param {number} pid */
export function rssAnon(pid) {
  const kib = /^RssAnon:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) * 1024
}

/**
 * The most that a process has had in memory so far, in bytes.
 * @param {number} pid
 */
export function peakMemory(pid) {
  return Number(/^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}

/**
 * Bytes that the kernel holds for the readers of a port, sent or not, by connection.
 * @param {number} port
 */
export function sendQueues(port) {
  const local = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const ESTABLISHED = '01'
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1] === local && fields[3] === ESTABLISHED)
    .map((fields) => Number.parseInt(/** @type {string} */ (fields[4]), 16)) // tx_queue:rx_queue
}
