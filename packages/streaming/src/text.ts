interface HostBuffer {
  byteLength(text: string): number
}
const HostBuffer = (globalThis as { Buffer?: HostBuffer }).Buffer
let encoder: InstanceType<typeof TextEncoder> | undefined

/** Text as it goes out. Bytes stay as they are. */
export function toUtf8(frame: string | Uint8Array): Uint8Array {
  return typeof frame === 'string' ? (encoder ??= new TextEncoder()).encode(frame) : frame
}

/** Bytes that a frame takes on the wire, before transfer coding. */
export function byteLength(frame: string | Uint8Array): number {
  if (typeof frame === 'string' && HostBuffer !== undefined) return HostBuffer.byteLength(frame)
  return toUtf8(frame).byteLength
}

/** Frames as one, in bytes. */
export function joinUtf8(frames: readonly (string | Uint8Array)[]): Uint8Array {
  const parts = frames.map(toUtf8)
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
