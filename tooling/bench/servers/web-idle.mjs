// Idle event streams for runtimes with web streams, and one timer for their heartbeats.
import { HEARTBEAT, HEARTBEAT_MS, RETRY } from './content.mjs'

/** The controllers of the streams that are open. */
const idle = new Set()
const encoder = new TextEncoder()
const heartbeat = encoder.encode(HEARTBEAT)
setInterval(() => {
  for (const controller of idle) controller.enqueue(heartbeat)
}, HEARTBEAT_MS)

export function idleStream() {
  let own
  return new ReadableStream({
    start(controller) {
      own = controller
      controller.enqueue(encoder.encode(RETRY))
      idle.add(controller)
    },
    cancel() {
      idle.delete(own)
    },
  })
}
