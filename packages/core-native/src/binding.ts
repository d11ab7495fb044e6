import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { nativeError } from './errors.ts'
import type { NativeBinding } from './native-api.ts'

const packageRoot = join(dirname(fileURLToPath(import.meta.url)), '..')
let loaded: NativeBinding | undefined

/**
 * Loads the addon: a local build where there is one, else the prebuilt binary of this platform.
 *
 * @throws `CZ_NATIVE_LOAD` when neither is there or fits; the message says what to do, and `cause` why.
 * @internal
 */
export function loadBinding(): NativeBinding {
  if (loaded !== undefined) return loaded
  const require = createRequire(import.meta.url)
  try {
    const load = require('node-gyp-build') as (directory: string) => NativeBinding
    loaded = load(packageRoot)
    return loaded
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}, Node ${process.versions.node}`
    const cure = 'install a C++ compiler and run `npm rebuild @catzilla/core-native`, or go on with node:http'
    throw nativeError('CZ_NATIVE_LOAD', `No native engine for this platform (${platform}); ${cure}`, cause)
  }
}
