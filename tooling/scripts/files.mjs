import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../shared/workspace.mjs'

/** Files below `dir` (relative to the repository) whose name matches, absolute and sorted. */
export function globSync(dir, pattern) {
  if (!existsSync(join(root, dir))) return []
  return readdirSync(join(root, dir), { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(dir, entry.name)
      return entry.isDirectory() ? globSync(path, pattern) : pattern.test(entry.name) ? [join(root, path)] : []
    })
    .sort()
}
