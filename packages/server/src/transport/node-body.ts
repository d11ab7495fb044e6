import type { IncomingMessage } from 'node:http'
import { serverError } from '../errors.ts'
import type { RequestBody } from './transport.ts'

interface Waiting {
  resolve(bytes: Uint8Array | undefined): void
  reject(error: Error): void
}

/** An `IncomingMessage` as a pulled body. */
export class NodeBody implements RequestBody {
  readonly length: number | undefined
  /** What may come later is of no use to anybody. */
  late = false
  private started = false
  private failure: Error | undefined
  private waiting: Waiting | undefined
  private timer: NodeJS.Timeout | undefined

  constructor(
    private readonly req: IncomingMessage,
    private readonly timeoutMs: number,
    /** Called before the first read: tells a client that asked for it to go on. */
    private readonly onStart: () => void,
  ) {
    const declared = req.headers['content-length']
    this.length = declared === undefined ? undefined : Number(declared)
  }

  read(): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    if (!this.started) this.start()
    if (this.failure !== undefined) throw this.failure
    const bytes = this.req.read() as Uint8Array | null
    if (bytes !== null) return bytes
    if (this.req.readableEnded) return undefined
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject }
      this.timer = setTimeout(this.onTimeout, this.timeoutMs)
    })
  }

  cancel(): void {
    this.fail(serverError('CZ_BODY_ABORTED', 'The rest of the body was refused'))
  }

  /** No more of the body can be had. */
  fail(error: Error): void {
    this.failure ??= error
    this.settle()?.reject(error)
  }

  private start(): void {
    this.started = true
    this.onStart()
    this.req.on('readable', this.onReadable)
    this.req.on('end', () => this.settle()?.resolve(undefined))
    this.req.on('error', this.onAborted)
    this.req.on('close', this.onAborted)
    if (this.req.destroyed && !this.req.readableEnded) this.onAborted()
  }

  private readonly onReadable = (): void => {
    if (this.waiting === undefined) return
    const bytes = this.req.read() as Uint8Array | null
    if (bytes !== null) this.settle()?.resolve(bytes)
  }

  private readonly onAborted = (): void => {
    if (this.req.readableEnded) return
    this.fail(serverError('CZ_BODY_ABORTED', 'The client left before its request was complete'))
  }

  private readonly onTimeout = (): void => {
    this.late = true
    const message = `The client sent nothing of its body for ${this.timeoutMs} ms`
    this.fail(serverError('CZ_BODY_TIMEOUT', message))
  }

  private settle(): Waiting | undefined {
    clearTimeout(this.timer)
    const { waiting } = this
    this.waiting = undefined
    return waiting
  }
}
