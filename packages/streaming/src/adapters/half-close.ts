import type { Socket } from 'node:net'

/**
 * A client that has closed its side may still be reading: `nc -N`, or curl behind a pipe. But that is also all one sees of
 * most clients that are gone. So one which gets nothing for this many milliseconds is taken for gone.
 */
export const HALF_CLOSED_MS = 750

/** Who is written to while the client's side is closed. */
export interface HalfClosedPeer {
  /** Bytes wait for the client: then it is the stream's own deadline that bounds it. */
  readonly blocked: boolean
  /** Writes something harmless, where there is something: where nobody is left, that brings out a reset. */
  probe(): void
  /** The client is gone. */
  giveUp(): void
}

/** Tells a client that closed only its sending side from one that left: both send FIN. */
export class QuietWatch {
  private timer: ReturnType<typeof setTimeout> | undefined
  private progressed = false
  private stopped = false

  constructor(private readonly peer: HalfClosedPeer) {}

  /** FIN has come. */
  start(): void {
    this.peer.probe()
    this.check()
  }

  /** Something was written. */
  progress(): void {
    this.progressed = true
  }

  stop(): void {
    this.stopped = true
    clearTimeout(this.timer)
  }

  private check(): void {
    if (this.stopped) return // The probe has found nobody.
    this.progressed = false
    this.timer = setTimeout(() => {
      if (this.progressed || this.peer.blocked) this.check()
      else this.peer.giveUp()
    }, HALF_CLOSED_MS)
    this.timer.unref()
  }
}

/**
 * A {@link QuietWatch} that begins when a socket of Node has ended.
 *
 * @internal
 */
export class SocketWatch extends QuietWatch {
  /** Only where the server leaves the writing side open; Node closes it otherwise. */
  static appliesTo(socket: Socket): boolean {
    const { server } = socket as { server?: { httpAllowHalfOpen?: boolean } }
    return server?.httpAllowHalfOpen === true
  }

  constructor(
    private readonly socket: Socket,
    peer: HalfClosedPeer,
  ) {
    super(peer)
    if (socket.readableEnded) this.start()
    else socket.once('end', this.onEnd)
  }

  override stop(): void {
    super.stop()
    this.socket.off('end', this.onEnd)
  }

  private readonly onEnd = (): void => this.start()
}
