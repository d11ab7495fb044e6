import { errorFactory } from '@catzilla/streaming/format'

/** What each error code of this package means; `docs/errors.md` is made from the same table. */
const ERRORS = {
  /** An item is neither text nor an event. */
  CZ_SSE_ITEM: { base: TypeError, status: undefined },
  /** An event has a field of an unknown name. */
  CZ_SSE_FIELD_UNKNOWN: { base: TypeError, status: undefined },
  /** A field of an event has the wrong type. */
  CZ_SSE_FIELD_TYPE: { base: TypeError, status: undefined },
  /** `id` or `event` holds CR or LF, which would make further fields of it. */
  CZ_SSE_FIELD_NEWLINE: { base: TypeError, status: undefined },
  /** `id` or `event` holds NUL; a client would ignore the id. */
  CZ_SSE_FIELD_NUL: { base: TypeError, status: undefined },
  /** A retry time is negative or no integer; a client would ignore it. */
  CZ_SSE_RETRY_RANGE: { base: RangeError, status: undefined },
  /** The data of an event could not be serialized (`cause`). */
  CZ_SSE_DATA: { base: TypeError, status: undefined },
  /** An item published to a channel has an `id`; the channel gives ids itself. */
  CZ_SSE_CHANNEL_ID: { base: TypeError, status: undefined },
  /** Something was published to a channel, a bus or a run that is closed. */
  CZ_SSE_CLOSED: { base: Error, status: undefined },
  /** The bus could not store an event (`cause`), or too many wait for it. */
  CZ_SSE_BUS: { base: Error, status: undefined },
  /** A run was stopped: the reason of its producer's `signal`. */
  CZ_SSE_RUN_STOPPED: { base: Error, status: undefined },
  /** The process of a run is gone, and with it the rest of the run. */
  CZ_SSE_RUN_LOST: { base: Error, status: undefined },
  /** A server answered the client with a status that another attempt would not change. */
  CZ_SSE_CLIENT_STATUS: { base: Error, status: undefined },
  /** A server answered the client with something that is no event stream. */
  CZ_SSE_CLIENT_TYPE: { base: TypeError, status: undefined },
  /** The client could not reach its server as often in a row as `maxFailures` says. */
  CZ_SSE_CLIENT_LOST: { base: Error, status: undefined },
  /** The client's `parse` failed with the data of an event (`cause`). */
  CZ_SSE_CLIENT_DATA: { base: TypeError, status: undefined },
  /** An option is unknown or out of range. */
  CZ_SSE_OPTION: { base: TypeError, status: undefined },
} as const

export type SseErrorCode = keyof typeof ERRORS

/** @internal */
export const sseError = errorFactory(ERRORS)
