import { Deadlines } from './deadlines.ts'
import { FILE, isFileSource, type FileSource } from './file.ts'
import { stopHeartbeat } from './heartbeat.ts'
import { AWAITS_RESULT, COMMITTED, ENCODES, HELD, traceBytes, type Pump } from './pump.ts'
import type { ItemIterator } from './source.ts'

/**
 * What some sinks do in the pump's place: send a file, or what is published in a topic. It stands apart, so that the bundles of
 * hosts without such a sink do without it; a sink that has `sendFile()` or `join()` names this as its `takeOver`.
 *
 * @internal
 */
export interface TakeOver {
  /** Whether the sink sends the source of this pump, which is a file, from here on. */
  file(pump: Pump, source: unknown): boolean
  /** Whether {@link join} would ask: the sink sends items as they are, and knows no deadlines of the source. */
  joins(pump: Pump): boolean
  /** The pump's source has nothing at the moment: where it is a topic, the sink may go on alone. Whether it was asked. */
  join(pump: Pump): boolean
}

/** @internal */
export const takeOver: TakeOver = {
  file(pump, source) {
    if (!fits(pump, source)) return false
    const range = source[FILE]
    pump.set(HELD | COMMITTED)
    const extras = pump.rarely()
    if (extras.trace !== undefined) traceBytes(extras.trace, range.length)
    // The file stays open until the end of the stream is reported.
    pump.sink.sendFile!(range).then(
      () => {
        extras.bytesLeft = 0
        pump.complete()
      },
      (error: unknown) => pump.break('source-error', error),
    )
    return true
  },

  joins(pump) {
    if (pump.sink.join === undefined || pump.is(ENCODES | HELD) || !pump.is(AWAITS_RESULT)) return false
    const { trace, bytesLeft } = pump.extras
    if (trace !== undefined || bytesLeft !== undefined || Deadlines.runFromStart(pump.options.deadlines)) return false
    return (pump.source as ItemIterator).join !== undefined
  },

  join(pump) {
    if (!this.joins(pump)) return false
    const { options, encoder } = pump
    const terms = (pump.source as ItemIterator).join!(pump.sink, options, encoder)
    if (terms === undefined) return true
    if (options.heartbeat !== undefined) stopHeartbeat(options.heartbeat.intervalMs, pump)
    if (options.after.length === 0 && encoder?.tail === undefined) pump.exchange.letGo?.(terms)
    return true
  },
}

/** A declared length that is another than the file's is left to the usual way, which breaks off where the two part. */
function fits({ extras: { bytesLeft }, encoder, sink }: Pump, source: unknown): source is FileSource {
  if (bytesLeft === undefined || encoder !== undefined || sink.sendFile === undefined || !isFileSource(source))
    return false
  const { length } = source[FILE]
  return length > 0 && length === bytesLeft
}
