import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What a test must leave as it found it. */
export interface Belongings {
  /** Open sockets of this process; `undefined` where the system does not tell. */
  readonly sockets: number | undefined
  /** Active handles and requests of the event loop, by kind. */
  readonly handles: Readonly<Record<string, number>>
}

export function belongings(): Belongings {
  return { sockets: openFds('socket:'), handles: activeHandles() }
}

/** Open file descriptors whose target begins with `prefix`. Linux only; `undefined` elsewhere. */
export function openFds(prefix = ''): number | undefined {
  let names: string[]
  try {
    names = readdirSync('/proc/self/fd')
  } catch {
    return undefined // No /proc here.
  }
  return names.filter((name) => targetOf(name).startsWith(prefix)).length
}

/** Handles and requests that keep the event loop alive, counted by kind (`TCPSocketWrap`, `Timeout` …). */
export function activeHandles(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

/**
 * Anonymous resident memory of this process in bytes: what it has allocated and touched, without mapped files. Linux only;
 * elsewhere the whole resident size stands in.
 */
export function rssAnon(): number {
  let status: string
  try {
    status = readFileSync('/proc/self/status', 'utf8')
  } catch {
    return process.memoryUsage.rss()
  }
  const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]
  return kibibytes === undefined ? process.memoryUsage.rss() : Number(kibibytes) * 1024
}

/** The descriptor may be closed between listing and reading it. */
function targetOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`)
  } catch {
    return ''
  }
}
