import type { Request, RequestHandler, Response } from 'express'
import { toError } from '../errors.ts'
import { isUnanswered, type StreamEnd } from '../outcome.ts'
import type { StreamingResponse } from '../response.ts'
import { sendStream } from '../send.ts'
import { NodeExchange } from './node.ts'

declare global {
  // The types of Express read from this namespace what middleware adds to a response.
  // oxlint-disable-next-line typescript/no-namespace
  namespace Express {
    interface Response {
      /**
       * Sends a streaming response. There with the middleware `streaming()` of `@catzilla/streaming/express`.
       *
       * @returns how the stream ended; it never rejects.
       */
      stream(response: StreamingResponse<never>): Promise<StreamEnd>
    }
  }
}

/**
 * Middleware for Express 4 and 5 that adds `res.stream(response)`.
 *
 * @example
 * ```ts
 * app.use(streaming())
 * app.get('/slow', (req, res) => res.stream(new StreamingResponse(rows())))
 * ```
 */
export function streaming(): RequestHandler {
  return (_req, res, next) => {
    res.stream = streamHere
    next()
  }
}

function streamHere(this: Response, response: StreamingResponse<never>): Promise<StreamEnd> {
  return send(this.req, this, response)
}

/**
 * Sends a streaming response through Express 4 or 5, without the middleware. A failure before the first item goes to
 * `next(error)`, for the error handlers to answer; a later one breaks the connection, as `next()` is of no use then.
 *
 * @returns how the stream ended; it never rejects.
 * @example
 * ```ts
 * app.get('/slow', (req, res) => send(req, res, new StreamingResponse(rows())))
 * ```
 */
export function send(req: Request, res: Response, response: StreamingResponse<never>): Promise<StreamEnd> {
  const { next } = req // Of the route that answers now, as `res.sendFile()` takes it.
  return new Promise((resolve) => {
    const ended = (end: StreamEnd) => {
      if (isUnanswered(end)) next!(toError(end.error))
      resolve(end)
    }
    sendStream(response, new NodeExchange(req, res, ended))
  })
}
