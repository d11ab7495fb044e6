import { show } from '@catzilla/streaming/format'

/** A value as it may stand in an error message: what it is, and never all that is in it. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return `the string ${show(value)}`
  if (typeof value !== 'object' || value === null) return show(value)
  if (Array.isArray(value)) return 'an array'
  if (value instanceof Date) return show(value)
  const { name } = (value.constructor as { name?: unknown } | undefined) ?? {}
  return typeof name === 'string' && name !== 'Object' ? `an object of class ${name}` : 'an object'
}

export function list(names: readonly string[]): string {
  const few = names.slice(0, 20).map(show).join(', ')
  return names.length > 20 ? `${few} …` : few
}
