/** Listeners by the name of what they hear. */
export class Emitter<Events extends object> {
  private readonly listeners = new Map<keyof Events, Set<(event: never) => void>>()

  /** @returns a function that takes the listener away again. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    let listeners = this.listeners.get(name)
    if (listeners === undefined) this.listeners.set(name, (listeners = new Set()))
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  /** Whether anybody listens. */
  has(name: keyof Events): boolean {
    return (this.listeners.get(name)?.size ?? 0) > 0
  }

  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of this.listeners.get(name) ?? []) {
      try {
        listener(event as never)
      } catch (error) {
        // A listener that fails must not take the stream of a client with it, and must not pass unseen.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
