import type { Context } from 'hono'
import type { StatusCode } from 'hono/utils/http-status'
import { DEFAULTS } from '../options.ts'
import type { StreamingResponse } from '../response.ts'
import { placeFields, withHostHead } from './host-head.ts'
import { toResponse } from './web.ts'

/**
 * Answers a request of Hono, with the status and the fields that handler and middleware have set on `c`. Where there are
 * none, `toResponse(c.req.raw, response)` of `@catzilla/streaming/web` does as well.
 *
 * @throws what the source fails with before its first item, for `app.onError()` to answer.
 * @example
 * ```ts
 * app.get('/slow', (c) => send(c, new StreamingResponse(rows())))
 * ```
 */
export async function send(c: Context, response: StreamingResponse<never>): Promise<Response> {
  const { body, status, headers } = await toResponse(c.req.raw, response)
  const { fields } = withHostHead(
    { status, fields: [...headers] },
    { statusCode: status, hasHeader: (name) => c.res.headers.has(name) },
  )
  placeFields(
    fields,
    (name, value) => c.header(name, value),
    (name, value) => c.header(name, value, { append: true }),
  )
  return status === DEFAULTS.status ? c.newResponse(body) : c.newResponse(body, status as StatusCode)
}
