interface HostBuffer {
  byteLength(text: string): number
}
const HostBuffer = (globalThis as { Buffer?: HostBuffer }).Buffer
let encoder: InstanceType<typeof TextEncoder> | undefined

/** Bytes that a frame takes on the wire, before transfer coding. */
export function byteLength(frame: string | Uint8Array): number {
  if (typeof frame !== 'string') return frame.byteLength
  if (HostBuffer !== undefined) return HostBuffer.byteLength(frame)
  return (encoder ??= new TextEncoder()).encode(frame).byteLength
}
