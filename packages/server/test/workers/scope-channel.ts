import { channel as diagnosticsChannel, subscribe } from 'node:diagnostics_channel'
import { BroadcastChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import type { Scope, ScopeMessage } from '@catzilla/testkit'

/** What one side of a case tells the other; `seen` is published there again. */
type Parcel = ScopeMessage | { readonly seen: string; readonly trace: unknown }

const SEEN = ['start', 'first-byte', 'stall', 'resume', 'end'].map((event) => `catzilla:stream-${event}`)

/** Joins the two sides of a case, in different threads, by a channel of its own. */
export function connectScope(scope: Scope, name: string): { close(): void } {
  const channel = new BroadcastChannel(name)
  let closed = false
  const receive = (message: unknown) => {
    const { from, parcel } = unpack(message) as { from: string; parcel: Parcel }
    if (from === scope.side) return // From the other worker.
    if ('seen' in parcel) diagnosticsChannel(parcel.seen).publish(parcel.trace)
    else scope.receive(parcel)
  }
  const send = (parcel: Parcel) => {
    if (closed) return
    try {
      channel.postMessage(pack({ from: scope.side, parcel }))
    } catch {
      // What cannot be copied, such as a writer, stays where it is.
    }
  }
  channel.onmessage = (event) => receive((event as unknown as { data: unknown }).data)
  scope.connect({
    send,
    drain() {
      while (!closed) {
        const next = receiveMessageOnPort(channel as unknown as MessagePort)
        if (next === undefined) return
        receive(next.message)
      }
    },
  })
  if (scope.side === 'server') {
    for (const seen of SEEN) subscribe(seen, (trace) => send({ seen, trace: seenOf(trace) }))
  }
  return {
    close() {
      closed = true
      channel.close()
    },
  }
}

/** A trace as far as it can be copied. */
function seenOf(trace: unknown): unknown {
  const { request, ...figures } = trace as { request: { method: string; url: string } }
  return { ...figures, request: { method: request.method, url: request.url } }
}

/** Errors keep what they are told apart by. */
function pack(value: unknown): unknown {
  if (value instanceof Error) {
    const { name, message, cause, ...own } = value as Error & Record<string, unknown>
    return { isError: true, name, message, cause: pack(cause), own: pack({ ...own }) }
  }
  if (Array.isArray(value)) return value.map(pack)
  return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, pack(each)])) : value
}

function unpack(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpack)
  if (!isRecord(value)) return value
  const copy = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, unpack(each)]))
  if (copy['isError'] !== true) return copy
  const error = new Error(String(copy['message']), { cause: copy['cause'] })
  return Object.assign(error, { name: copy['name'] }, copy['own'])
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
