// node-gyp always builds into ./build. A shadow of the package (a copy of binding.gyp, links to the rest) gives a second build its own.
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './gyp.mjs'

export function shadowPackage(name) {
  const dir = join(packageRoot, name)
  mkdirSync(dir, { recursive: true })
  for (const file of ['binding.gyp', 'package.json']) copyFileSync(join(packageRoot, file), join(dir, file))
  for (const link of ['native', 'scripts', 'node_modules']) {
    if (!existsSync(join(dir, link))) symlinkSync(join(packageRoot, link), join(dir, link), 'junction')
  }
  return dir
}
