export type Timer = ReturnType<typeof setTimeout>

/** Lets the process end although the timer runs. Timers are numbers in a browser, and there is no such thing there. */
export function unref(timer: Timer): void {
  ;(timer as { unref?(): unknown }).unref?.()
}
