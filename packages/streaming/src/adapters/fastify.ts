import type {
  FastifyInstance,
  FastifyPluginCallback,
  FastifyReply,
  onSendHookHandler,
  preSerializationHookHandler,
} from 'fastify'
import type { ResponseHead } from '../head.ts'
import type { StreamEnd } from '../outcome.ts'
import { isStreamingResponse, type StreamingResponse } from '../response.ts'
import { placeFields } from './host-head.ts'
import { startHosted } from './hosted.ts'

declare module 'fastify' {
  interface FastifyReply {
    /**
     * Sends a streaming response. Return the reply from an async handler, as with `send()`; returning the response itself
     * does the same. There with the plugin `streaming` of `@catzilla/streaming/fastify`.
     */
    stream(response: StreamingResponse<never>): FastifyReply
  }
}

/**
 * Plugin for Fastify 5: `reply.stream(response)`, and handlers that return a `StreamingResponse`.
 *
 * The answer goes through Fastify like any other: fields set on the reply are kept, `onSend` hooks run before the head is
 * sent, `onResponse` hooks behind the end, and what fails before the first item goes to the error handler. Register it
 * before plugins that look at the payload, such as `@fastify/compress`. That one cannot flush: a live response needs
 * `cache-control: no-transform`, as event streams have it.
 *
 * @example
 * ```ts
 * await app.register(streaming)
 * app.get('/slow', (request, reply) => reply.stream(new StreamingResponse(rows())))
 * app.get('/same', () => new StreamingResponse(rows()))
 * ```
 */
export const streaming: FastifyPluginCallback = (app: FastifyInstance, _options, done) => {
  app.decorateReply('stream', streamHere)
  app.addHook('preSerialization', keepStreams)
  app.addHook('onSend', startStreams)
  done()
}

// What the package `fastify-plugin` does: decorators and hooks count for the whole application, not for this plugin only.
Object.assign(streaming, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@catzilla/streaming',
  [Symbol.for('plugin-meta')]: { name: '@catzilla/streaming', fastify: '5.x' },
})

/**
 * What `reply.stream()` hands to Fastify: it looks like a stream, so that Fastify takes it neither for JSON nor for something
 * to give a type. Nobody reads it: the hook below puts the body in its place.
 */
class StreamPayload {
  constructor(readonly response: StreamingResponse<never>) {}

  pipe(): void {}
}

function streamHere(this: FastifyReply, response: StreamingResponse<never>): FastifyReply {
  return this.send(new StreamPayload(response))
}

/** A response that the handler returned is an object to Fastify, which is not to be made JSON of, and gets no type by it. */
const keepStreams: preSerializationHookHandler = (_request, reply, payload, done) => {
  if (isStreamingResponse(payload)) {
    reply.serializer((same: string) => same)
    reply.removeHeader('content-type')
  }
  done(null, payload)
}

/** Waits until there is something to send, then goes on with a head and a body to pipe. */
const startStreams: onSendHookHandler = (request, reply, payload, done) => {
  let response: StreamingResponse<never>
  if (payload instanceof StreamPayload) {
    response = payload.response
  } else if (isStreamingResponse(payload)) {
    response = payload
    reply.serializer(null as never) // An error that is answered instead is made JSON of as ever.
  } else {
    return done(null, payload)
  }
  startHosted(request.raw, reply.raw, response, {
    host: reply,
    pipedByPipeline: false,
    ended: (end) => logEnd(reply, end),
  }).then((started) => {
    if (started !== undefined) setHead(reply, started.head)
    if (isLive(reply)) request.headers['x-no-compression'] = 'no-transform' // What @fastify/compress asks instead.
    done(null, started?.body ?? null)
  }, done)
}

function setHead(reply: FastifyReply, { status, fields, contentLength }: ResponseHead): void {
  const set = (name: string, value: string) => void reply.header(name, value)
  const append = (name: string, value: string) => {
    const lines = name === 'set-cookie' ? undefined : reply.getHeader(name) // Fastify itself adds to the cookies.
    set(name, lines === undefined ? value : `${String(lines)}, ${value}`)
  }
  reply.code(status)
  placeFields(fields, set, append)
  if (contentLength !== undefined) set('content-length', String(contentLength))
}

function isLive(reply: FastifyReply): boolean {
  return /\bno-transform\b/i.test(String(reply.getHeader('cache-control')))
}

/** A client that leaves is no error. The texts are Fastify's own for these ends, as users search for them. */
function logEnd({ log }: FastifyReply, { outcome, error }: StreamEnd): void {
  if (outcome === 'source-error')
    log.warn({ err: error }, 'response terminated with an error with headers already sent')
  else if (outcome === 'client-abort') log.info({ err: error }, 'stream closed prematurely')
  else if (outcome !== 'completed') log.info({ err: error }, `stream ended early: ${outcome}`)
}
