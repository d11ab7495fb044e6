import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { benchFolder } from './build.mjs'

const repository = resolve(benchFolder, '../..')

/**
 * The one line of an error output that says what went wrong, without paths that exist on one machine only.
 * @param {string} text
 */
export function tidyText(text) {
  const lines = text.split('\n').map((line) => line.trim())
  const line = lines.find((line) => /^\w*Error\b.*:/.test(line)) ?? lines.find((line) => line !== '') ?? ''
  return line.replaceAll(repository, '.').replaceAll(homedir(), '~').slice(0, 200)
}
