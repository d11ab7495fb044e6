import { AsyncLocalStorage } from 'node:async_hooks'

/** On which side of a case this is: the one that asks and asserts, or, where routes run in another thread, the one that answers. */
type Side = 'client' | 'server'

/** What a case and its routes both hold, and what is told between them where they are in different threads. */
interface Shared {
  receive(message: unknown): void
}

/** Something that happened to one of the objects of a case, on its way to the other side. */
export interface ScopeMessage {
  readonly index: number
  readonly message: unknown
}

/** Carries messages between the two sides. */
export interface ScopeLine {
  send(message: ScopeMessage): void
  /** Hands over at once what has come already. */
  drain(): void
}

const current = new AsyncLocalStorage<Scope>()

/**
 * The journals and scripts of one case. Most hosts run routes where the case runs, and need nothing of this. Where routes run in
 * workers, each worker runs the case as well, up to where it serves: so both sides have made the same objects in the same
 * order, and they are joined by their number.
 */
export class Scope {
  private readonly objects: Shared[] = []
  private line: ScopeLine | undefined

  constructor(
    /** What tells the case from all others. */
    readonly name: string,
    readonly side: Side = 'client',
  ) {}

  run<T>(play: () => T): T {
    return current.run(this, play)
  }

  /** Joins the two sides. What is made later belongs to one of them alone. */
  connect(line: ScopeLine): void {
    this.line = line
  }

  receive({ index, message }: ScopeMessage): void {
    this.objects[index]?.receive(message)
  }

  /** Makes an object known to the case that is being run. */
  static join(object: Shared): Membership | undefined {
    const scope = current.getStore()
    if (scope === undefined || scope.line !== undefined) return undefined
    const index = scope.objects.push(object) - 1
    return {
      tell: (side, message) => {
        if (scope.side === side) scope.line?.send({ index, message })
      },
      look: () => scope.line?.drain(),
    }
  }
}

/** An object's tie to the other side. */
export interface Membership {
  /** Tells the other side, if this is `side`, and if there is another. */
  tell(side: Side, message: unknown): void
  /** Lets everything in that the other side has told. */
  look(): void
}
