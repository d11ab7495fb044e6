/** Collects what one turn of the loop brings, and hands it over together behind that turn. */
export class Turn<Message> {
  private messages: Message[] = []
  private scheduled: NodeJS.Immediate | undefined

  constructor(private readonly deliver: (messages: readonly Message[]) => void) {}

  add(message: Message): void {
    this.messages.push(message)
    this.scheduled ??= setImmediate(() => this.flush())
  }

  /** Hands over at once what there is. */
  flush(): void {
    const { messages } = this
    this.cancel()
    if (messages.length > 0) this.deliver(messages)
  }

  cancel(): void {
    clearImmediate(this.scheduled)
    this.scheduled = undefined
    this.messages = []
  }
}
