// What the hosts with an adapter of @catzilla/streaming send.
import { StreamingResponse } from '@catzilla/streaming'
import { first, items, itemsAsync, writeItems } from './content.mjs'

/** @type {Record<string, () => StreamingResponse>} */
export const streams = {
  '/first-byte': () => new StreamingResponse(first),
  '/items': () => new StreamingResponse(items),
  '/items-async': () => new StreamingResponse(itemsAsync),
  '/items-writer': () => StreamingResponse.fromWriter((w) => writeItems((item) => w.write(item))),
}
