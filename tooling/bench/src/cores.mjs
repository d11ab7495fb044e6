import { readFileSync } from 'node:fs'

/** The cores that this process may use; a container does not always get the first ones. */
const allowed = allowedCores()

export const coreCount = allowed.length
export const SERVER_CORE = allowed[0] ?? 0
export const CLIENT_CORE = allowed[1] ?? SERVER_CORE

function allowedCores() {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}
