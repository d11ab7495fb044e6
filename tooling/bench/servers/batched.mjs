const BATCH_LENGTH = 64 * 1024

/**
 * Joins items into strings of 64 KiB: what a careful user does by hand, at the price of latency (nothing leaves before the
 * batch is full).
 * @param {Iterable<string>} source
 */
export function* batched(source) {
  let batch = ''
  for (const item of source) {
    batch += item
    if (batch.length < BATCH_LENGTH) continue
    yield batch
    batch = ''
  }
  yield batch
}

/**
 * The same for an async source.
 * @param {AsyncIterable<string>} source
 */
export async function* batchedAsync(source) {
  let batch = ''
  for await (const item of source) {
    batch += item
    if (batch.length < BATCH_LENGTH) continue
    yield batch
    batch = ''
  }
  yield batch
}
