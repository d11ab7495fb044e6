import { BodyState, type NativeEngine } from '@catzilla/core-native'
import { serverError } from '../errors.ts'
import type { RequestBody } from './transport.ts'

/** The body of a request on the native engine, which holds the client back while nobody reads. */
export class NativeBody implements RequestBody {
  private waiting: PromiseWithResolvers<Uint8Array | undefined> | undefined
  private lost = false
  private cancelled = false

  constructor(
    private readonly engine: NativeEngine,
    private readonly slot: number,
    private readonly generation: number,
    readonly length: number | undefined,
  ) {}

  read(): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    if (this.cancelled) throw serverError('CZ_BODY_ABORTED', 'The rest of the body was refused')
    const given = this.engine.readBody(this.slot, this.generation)
    if (typeof given === 'object') return given
    if (given === BodyState.end) return undefined
    if (given !== BodyState.wait || this.lost) throw this.failure(given)
    this.waiting = withResolvers()
    return this.waiting.promise
  }

  /** The engine drains or closes by itself behind the answer. */
  cancel(): void {
    this.cancelled = true
  }

  readable(): void {
    const { waiting } = this
    if (waiting === undefined) return
    this.waiting = undefined
    try {
      waiting.resolve(this.read())
    } catch (error) {
      waiting.reject(error)
    }
  }

  lose(): void {
    this.lost = true
    this.waiting?.reject(this.failure(BodyState.gone))
    this.waiting = undefined
  }

  private failure(state: BodyState | string): Error {
    if (typeof state === 'string') {
      return serverError('CZ_BODY_MALFORMED', `The chunked coding of the body is malformed: ${state}`)
    }
    if (state === BodyState.late)
      return serverError('CZ_BODY_TIMEOUT', 'The client sent nothing of its body for too long')
    return serverError('CZ_BODY_ABORTED', 'The client left before its request was complete')
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>
  resolve(value: T | PromiseLike<T>): void
  reject(reason: unknown): void
}

/** `Promise.withResolvers` is not in Node 20. */
function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve!: (value: T | PromiseLike<T>) => void
  let reject!: (reason: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
