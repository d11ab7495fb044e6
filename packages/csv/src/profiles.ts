import { show } from '@catzilla/streaming/format'
import { badOption } from './errors.ts'
import type { Casts, CsvFormatOptions } from './options.ts'

/** For whom a file is. */
export type CsvProfile = 'rfc4180' | 'excel' | 'tsv' | 'postgres'

type Preset = Omit<CsvFormatOptions, 'profile' | 'locale' | 'columns'>

interface Profile extends Preset {
  /** Instead of `text/csv`. */
  readonly mediaType?: string
  /** Long digits and leading zeros are written so that Excel keeps them. */
  readonly protectDigits?: boolean
  /** Characters that need quotes for the sake of this reader. */
  readonly alsoQuoted?: string
}

export const PROFILES: Readonly<Record<CsvProfile, Profile>> = {
  rfc4180: {},
  excel: { bom: true, protectDigits: true },
  // https://www.iana.org/assignments/media-types/text/tab-separated-values
  tsv: { delimiter: '\t', eol: '\n', quoting: 'none', mediaType: 'text/tab-separated-values; charset=utf-8' },
  // https://www.postgresql.org/docs/current/sql-copy.html: up to version 16, a line of `\.` ends the data, unless it is quoted.
  postgres: { eol: '\n', nullText: '\\N', formulas: 'off', alsoQuoted: '\\' },
}

/**
 * Where the decimal sign is a comma, Excel separates fields by `;`, and would take `1.5` for a date.
 *
 * @throws {TypeError} `CZ_CSV_OPTION`
 */
export function resolveLocale(profile: CsvProfile, locale: string | undefined): { format?: Preset; casts?: Casts } {
  if (locale === undefined) return {}
  if (profile !== 'excel') throw badOption(`locale is for the profile 'excel' (got ${show(locale)})`)
  if (decimalSignOf(locale) !== ',') return {}
  return { format: { delimiter: ';' }, casts: { number: withComma } }
}

function decimalSignOf(locale: string): string | undefined {
  try {
    const parts = new Intl.NumberFormat(locale).formatToParts(0.5)
    return parts.find(({ type }) => type === 'decimal')?.value
  } catch (cause) {
    throw badOption(`locale must be a language tag such as 'de-DE' (got ${show(locale)})`, cause)
  }
}

function withComma(value: number): string | number {
  return Number.isFinite(value) && !Number.isInteger(value) ? String(value).replace('.', ',') : value
}
