import { show } from '@catzilla/streaming/format'
import { create } from 'content-disposition'
import { csvError } from './errors.ts'

/**
 * The `Content-Disposition` field of a download. Folders are cut off, by both separators: a client must not be told where to
 * put a file. Controls are left out, and lone surrogates, which have no UTF-8, replaced.
 *
 * @throws {TypeError} `CZ_CSV_OPTION` where nothing is left as a name.
 * @see RFC 6266 §4.3
 * @internal
 */
export function contentDisposition(filename: string): string {
  if (typeof filename !== 'string') throw csvError('CZ_CSV_OPTION', `filename must be a string (got ${show(filename)})`)
  const name = filename
    .replace(/^.*[/\\]/s, '')
    .replace(/\p{Cc}/gu, '')
    .replace(/\p{Cs}/gu, '\uFFFD')
    .trim()
  if (name === '' || name === '.' || name === '..') {
    throw csvError('CZ_CSV_OPTION', `filename must name a file (got ${show(filename)})`)
  }
  const ascii = name.replace(/[^\x20-\x7e]+/g, '_') // For clients that do not know RFC 8187.
  return ascii === name ? create(name) : create(name, { fallback: ascii })
}
