import { show } from './errors.ts'

/**
 * Refuses a misspelt option by name, instead of ignoring it.
 *
 * @param known an object with every option as a key.
 * @throws what `fail` makes of the message.
 */
export function rejectUnknown(
  given: object,
  known: object,
  fail: (message: string) => Error,
  what: string = 'option',
): void {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(known, name)) continue
    throw fail(`Unknown ${what} ${show(name)}; known are ${Object.keys(known).join(', ')}`)
  }
}

/** The options without those that are `undefined`, which mean the default. */
export function defined<Options extends object>(
  options: Options,
): { [Name in keyof Options]: NonNullable<Options[Name]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}
