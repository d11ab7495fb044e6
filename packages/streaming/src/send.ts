import { streamError, show } from './errors.ts'
import { FILE, isFileSource } from './file.ts'
import type { FieldList, ResponseHead } from './head.ts'
import { runAfter, type Outcome, type StreamEnd } from './outcome.ts'
import { Pump } from './pump.ts'
import type { OpenedStream, StreamingResponse } from './response.ts'
import type { Exchange } from './sink.ts'
import { releaseSource } from './source.ts'

/** A running stream, as its host may stop it. */
export interface StreamHandle {
  /** Ends the stream early; without effect on one that has ended. */
  stop(outcome: 'shutdown' | 'timeout', reason: Error): void
}

/**
 * Sends a response through a host's exchange. This is all that an adapter calls; `exchange.ended()` tells how it went.
 *
 * @returns the running stream, or `undefined` when the answer was complete at once (HEAD).
 */
export function sendStream(response: StreamingResponse<never>, exchange: Exchange): StreamHandle | undefined {
  let opened: OpenedStream | undefined
  let head: ResponseHead
  try {
    opened = response.open(exchange.request)
    head = headOf(opened)
  } catch (error) {
    if (opened !== undefined) release(opened, exchange)
    report({ outcome: 'source-error', error, committed: false }, opened, exchange)
    return undefined
  }
  if (isHeadOnly(exchange.request, opened)) {
    sendHeadOnly(opened, head, exchange)
    return undefined
  }
  const pump = new Pump(exchange, opened, head)
  pump.start(opened.status)
  return pump
}

/** RFC 9110 §9.3.2: the head of GET, without its body; the source is released without having started. */
function sendHeadOnly(opened: OpenedStream, head: ResponseHead, exchange: Exchange): void {
  const sink = exchange.respond(head)
  const ended = (outcome: Outcome) => () => report({ outcome, error: undefined, committed: true }, opened, exchange)
  release(opened, exchange)
  Promise.resolve(sink.end()).then(ended('completed'), ended('client-abort'))
}

/** A clean-up that fails changes nothing: nobody has seen anything of the source. */
function release({ source }: OpenedStream, { request }: Exchange): void {
  void (async () => releaseSource(source, request))().catch(() => {})
}

function report(end: StreamEnd, opened: OpenedStream | undefined, exchange: Exchange): void {
  exchange.ended(end)
  if (opened !== undefined) runAfter(opened.options.after, end)
}

/**
 * Whether an answer ends with its head. RFC 9110 §9.3.2: HEAD; §15.3.5, §15.3.6, §15.4.5: these never have a body.
 *
 * @internal
 */
export function isHeadOnly({ method }: { readonly method: string }, { status }: { readonly status: number }): boolean {
  return method === 'HEAD' || status === 204 || status === 205 || status === 304
}

function headOf({ status, fields, options, source, encoder }: OpenedStream): ResponseHead {
  const declared = declaredLength(fields)
  return {
    status,
    fields: declared === undefined ? fields : fields.filter((field) => !isLength(field)),
    contentLength: declared ?? (encoder === undefined && isFileSource(source) ? source[FILE].length : undefined),
    probe: options.heartbeat?.frame,
    highWaterMark: options.highWaterMark,
  }
}

const isLength = (field: FieldList[number]) => field[0] === 'content-length'

function declaredLength(fields: FieldList): number | undefined {
  let text: string | undefined
  let lines = 0
  for (const field of fields) {
    if (!isLength(field)) continue
    text = field[1]
    lines++
  }
  if (text === undefined) return undefined
  const length = Number(text)
  if (lines === 1 && /^\d+$/.test(text) && Number.isSafeInteger(length)) return length
  throw streamError('CZ_HEAD_FIELD', `Content-Length must be one number of bytes (got ${show(text)})`)
}
