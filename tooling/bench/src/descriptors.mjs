import { readFileSync } from 'node:fs'

/** Of one process: what it may be raised to without rights. */
export function descriptorLimit() {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return hard === 'unlimited' ? Infinity : Number(hard)
}
