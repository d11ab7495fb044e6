// CPU time of a server in nanoseconds, kernel work included, from the scheduler's own account. /proc/<pid>/stat would count
// in ticks of 10 ms, which is longer than some measurements here.
import { readFileSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Of all threads, and of all child processes: some servers have to be started by another program.
 * @param {number | string} pid
 * @returns {number}
 */
export function cpuNs(pid) {
  let total = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const folder = `/proc/${pid}/task/${thread}`
    total += Number(readFileSync(`${folder}/schedstat`, 'utf8').split(' ')[0])
    for (const child of readFileSync(`${folder}/children`, 'utf8').split(' ')) if (child !== '') total += cpuNs(child)
  }
  return total
}

/**
 * Of the main thread alone, which runs the loop.
 * @param {number} pid
 */
export function loopCpuNs(pid) {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0])
}

/**
 * The account of a running thread is brought up to date only now and then, and a server may still tidy up after its last
 * answer: so wait (not for long) until the figure rests.
 * @param {number} pid
 */
export async function restingCpuNs(pid) {
  let before = cpuNs(pid)
  for (let i = 0; i < 50; i++) {
    await sleep(5)
    const now = cpuNs(pid)
    if (now === before) break
    before = now
  }
  return before
}
