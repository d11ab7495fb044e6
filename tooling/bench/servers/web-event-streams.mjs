// Event streams for runtimes with web streams: idle ones, with one timer for their heartbeats, and those of subscribers.
import { HEARTBEAT, HEARTBEAT_MS, RETRY } from './content.mjs'

/** The controllers of the streams that are open. */
const idle = new Set()
const subscribers = new Set()
const encoder = new TextEncoder()
const heartbeat = encoder.encode(HEARTBEAT)
setInterval(() => {
  for (const controller of idle) controller.enqueue(heartbeat)
}, HEARTBEAT_MS)

export function idleStream() {
  return open(idle)
}

export function subscription() {
  return open(subscribers)
}

/** @param {string} event */
export function publish(event) {
  const bytes = encoder.encode(event)
  for (const controller of subscribers) controller.enqueue(bytes)
}

/** @param {Set<ReadableStreamDefaultController>} streams */
function open(streams) {
  let own
  return new ReadableStream({
    start(controller) {
      own = controller
      controller.enqueue(encoder.encode(RETRY))
      streams.add(controller)
    },
    cancel() {
      streams.delete(own)
    },
  })
}
