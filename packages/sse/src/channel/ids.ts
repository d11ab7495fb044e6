import type { BusPosition } from '../bus/bus.ts'

/**
 * The ids of a channel's events: `<channel>.<epoch>.<number>`. Nobody can mistake the id of another channel, or of another life of
 * this one, for a place in its past.
 *
 * @internal
 */
export class EventIds {
  private readonly scope: string
  private prefix = ''
  private epochOfPrefix: string | undefined

  constructor(channel: string) {
    this.scope = `${fingerprint(channel)}.`
  }

  idOf({ epoch, number }: BusPosition): string {
    if (epoch !== this.epochOfPrefix) {
      this.epochOfPrefix = epoch
      this.prefix = `${this.scope}${epoch}.`
    }
    return this.prefix + number
  }

  /** What an id says; `undefined` where it is none of this channel. */
  parse(id: string): BusPosition | undefined {
    if (!id.startsWith(this.scope)) return undefined
    const dot = id.indexOf('.', this.scope.length)
    const digits = dot === -1 ? '' : id.slice(dot + 1)
    const number = Number(digits)
    if (!/^\d+$/.test(digits) || !Number.isSafeInteger(number)) return undefined
    return { epoch: id.slice(this.scope.length, dot), number }
  }
}

/** FNV-1a of 32 bits: names of any length and alphabet in a few characters that are the same on every machine. */
function fingerprint(name: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  return (hash >>> 0).toString(36)
}
