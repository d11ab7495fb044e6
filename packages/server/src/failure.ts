import { HttpError, statusText } from './errors.ts'
import { Answer, TEXT, withOwn } from './result.ts'

/**
 * The status that answers an error: its own `status` where that is one, 503 for a stream that was too late with its first
 * item, and otherwise 500.
 */
export function statusOf(error: unknown): number {
  const { status, code } = (error ?? {}) as { status?: unknown; code?: unknown }
  if (typeof status === 'number' && Number.isInteger(status) && status >= 400 && status <= 599) return status
  return code === 'CZ_STREAM_TIMEOUT' ? 503 : 500
}

/** What a client gets to see of an error: its status. The message only where an `HttpError` says so. */
export function answerOf(error: unknown): Answer {
  const status = statusOf(error)
  if (!(error instanceof HttpError)) return new Answer(status, TEXT, statusText(status))
  return new Answer(status, withOwn(TEXT, error.fields), error.expose ? error.message : statusText(status))
}
