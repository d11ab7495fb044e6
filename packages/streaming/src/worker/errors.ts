import { errorFactory } from '../errors.ts'

/** Beside those of `../errors.ts`, so that a stream without a worker does without them. */
const ERRORS = {
  /** The module of a worker producer has no such function; one that cannot be loaded fails with Node's error. */
  CZ_PRODUCER_MODULE: { base: TypeError },
  /** The arguments for a worker producer cannot be cloned (`cause`). */
  CZ_PRODUCER_ARGS: { base: TypeError },
  /** The worker that produced this stream has ended: by `process.exit()`, out of memory, by an uncaught error (`cause`). */
  CZ_PRODUCER_DIED: { base: Error },
  /** The worker pool was closed, before this stream or in the middle of it. */
  CZ_PRODUCER_CLOSED: { base: Error },
} as const

export type ProducerErrorCode = keyof typeof ERRORS

/** @internal */
export const producerError = errorFactory(ERRORS)
