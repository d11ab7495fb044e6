import type { Context, Middleware } from 'koa'
import { toError } from '../errors.ts'
import type { StreamEnd } from '../outcome.ts'
import { isStreamingResponse, type StreamingResponse } from '../response.ts'
import { placeFields } from './host-head.ts'
import { startHosted, type HostedResponse } from './hosted.ts'

/**
 * Middleware for Koa 3 that makes `ctx.body = response` stream.
 *
 * For the middleware outside of it this is an answer like any other: the head is on `ctx`, the body is a stream, and what
 * fails before the first item is thrown. So it belongs inside of error handlers and compression, and outside of the routes.
 *
 * @example
 * ```ts
 * app.use(streaming())
 * app.use((ctx) => {
 *   ctx.body = new StreamingResponse(rows())
 * })
 * ```
 */
export function streaming(): Middleware {
  return async (ctx, next) => {
    await next()
    if (isStreamingResponse(ctx.body)) await start(ctx, ctx.body)
  }
}

async function start(ctx: Context, response: StreamingResponse<unknown>): Promise<void> {
  ignoreLoss(ctx)
  if (ctx.type === 'application/json') ctx.remove('content-type') // Koa takes any object for one to make JSON of.
  const started = await startHosted(ctx.req, ctx.res, response, {
    host: ctx.res,
    pipedByPipeline: true,
    ended: (end) => tellApp(ctx, end),
  })
  if (started === undefined)
    ctx.respond = false // The client is gone.
  else answer(ctx, started)
}

function answer(ctx: Context, { head, body }: HostedResponse): void {
  ctx.body = body
  ctx.status = head.status
  placeFields(
    head.fields,
    (name, value) => ctx.set(name, value),
    (name, value) => ctx.append(name, value),
  )
  if (head.contentLength !== undefined) ctx.length = head.contentLength
}

/** How Node tells of a client that left during a stream. */
const LOSS = new Set<unknown>(['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'])

/** Koa reports a client that leaves like a fault of the application; it is none. */
function ignoreLoss(ctx: Context): void {
  const { onerror } = ctx
  ctx.onerror = (error: Error & { code?: string }) => {
    if (!LOSS.has(error?.code)) onerror.call(ctx, error)
  }
}

/** What broke the body comes too late for an answer, so it goes where Koa reports errors. */
function tellApp(ctx: Context, { outcome, error }: StreamEnd): void {
  if (outcome === 'source-error') ctx.app.emit('error', Object.assign(toError(error), { headerSent: true }), ctx)
}
