// What the hosts with an adapter of @catzilla/streaming send.
import { StreamingResponse } from '@catzilla/streaming'
import { first, items } from './content.mjs'

export function firstByte() {
  return new StreamingResponse(first)
}

/**
 * The million items from a generator, from an async generator, or written one by one.
 * @param {string | undefined} source
 */
export function itemsFrom(source) {
  switch (source) {
    case 'async':
      return new StreamingResponse(itemsLater)
    case 'writer':
      return StreamingResponse.fromWriter(writeItems)
    default:
      return new StreamingResponse(items)
  }
}

async function* itemsLater() {
  for (let i = 0; i < 1_000_000; i++) yield `Data ${i}\n`
}

/** @param {import('@catzilla/streaming').StreamWriter} w */
async function writeItems(w) {
  for (const item of items()) await w.write(item)
}
