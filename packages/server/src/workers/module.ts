import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { show } from '@catzilla/streaming/format'
import { serverError } from '../errors.ts'

/**
 * The URL of an app's module: a URL, or a path from the working directory. Without one, the program that Node was started with.
 *
 * @throws {TypeError} `CZ_WORKER_MODULE`
 */
export function moduleUrl(given: string | URL | undefined): string {
  const module: unknown = given ?? process.argv[1]
  if (module instanceof URL) return module.href
  if (typeof module === 'string' && module !== '') {
    return /^(file|data|node):/.test(module) && !isAbsolute(module) ? module : pathToFileURL(resolve(module)).href
  }
  const cure = 'pass module: import.meta.url (or __filename) of the file that exports the app'
  throw serverError('CZ_WORKER_MODULE', `Workers need the module of the app (got ${show(module)}); ${cure}`)
}
