// Where the figures come from. Nothing in it names a person or a path.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { join } from 'node:path'

const require = createRequire(import.meta.url)

/** @returns {Record<string, string>} */
export function describeMachine() {
  const cores = cpus()
  return {
    Machine: `${cores.length} × ${cores[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    System: `${type()} ${release()}, congestion control ${congestionControl()}`,
    Node: `${process.versions.node} (V8 ${process.versions.v8}, libuv ${process.versions.uv})`,
    Compiler: firstLine(spawnSync(process.env['CXX'] ?? 'c++', ['--version'], { encoding: 'utf8' }).stdout),
    'Load when started': loadAverage(),
  }
}

/** The load average tells how noisy the machine was: above the number of busy cores, others had a share. */
export function loadAverage() {
  return loadavg()
    .map((load) => load.toFixed(1))
    .join(' / ')
}

/**
 * Version of an installed package; undefined if it is not there. Found by its folder, because `exports` may hide
 * package.json from `require`.
 * @param {string} name
 * @returns {string | undefined}
 */
export function packageVersion(name) {
  const files = (require.resolve.paths(name) ?? []).map((folder) => join(folder, name, 'package.json'))
  const file = files.find((file) => existsSync(file))
  return file && JSON.parse(readFileSync(file, 'utf8')).version
}

function congestionControl() {
  try {
    return readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim()
  } catch {
    return 'unknown' // not every container shows it
  }
}

/** @param {string | undefined} text */
function firstLine(text) {
  return text?.split('\n')[0] ?? 'unknown'
}
