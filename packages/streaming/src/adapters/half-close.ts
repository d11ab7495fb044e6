import type { Socket } from 'node:net'

/** A client that has closed its side and is not written to for so long is taken for gone. */
const QUIET_MS = 750

interface Watched {
  /** Bytes wait for the peer. */
  readonly blocked: boolean
  probe(): void
  lose(): void
}

/**
 * Tells a client that closed only its sending side (`shutdown(SHUT_WR)`, as `nc -N` does) from one that left: both send FIN.
 * A probe brings out a reset where nobody is left; without any write there is nothing to learn from, so quiet means gone.
 *
 * @internal
 */
export class HalfCloseWatch {
  private timer: ReturnType<typeof setTimeout> | undefined
  private progressed = false

  /** Only where the server leaves the writing side open; Node closes it otherwise. */
  static appliesTo(socket: Socket): boolean {
    const { server } = socket as { server?: { httpAllowHalfOpen?: boolean } }
    return server?.httpAllowHalfOpen === true
  }

  constructor(
    private readonly socket: Socket,
    private readonly watched: Watched,
  ) {
    if (socket.readableEnded) this.start()
    else socket.once('end', this.start)
  }

  /** Something was written. */
  progress(): void {
    this.progressed = true
  }

  stop(): void {
    this.socket.off('end', this.start)
    clearTimeout(this.timer)
  }

  private readonly start = (): void => {
    this.watched.probe()
    this.check()
  }

  private check(): void {
    this.progressed = false
    this.timer = setTimeout(() => {
      if (this.progressed || this.watched.blocked) return this.check()
      this.watched.lose()
      this.socket.destroy()
    }, QUIET_MS)
    this.timer.unref()
  }
}
