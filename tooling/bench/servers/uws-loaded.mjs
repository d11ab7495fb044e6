// uWebSockets.js, or why it is not to be had: its binary needs a newer C library than some systems have, and its own words
// hide that behind a list of platforms.
import { createRequire } from 'node:module'

export const { App, us_socket_local_port } = load()

/** @returns {typeof import('@btc-vision/uwebsockets.js')} */
function load() {
  try {
    return createRequire(import.meta.url)('@btc-vision/uwebsockets.js')
  } catch (error) {
    const wanted = /`GLIBC_([\d.]+)' not found/.exec(error.message)?.[1]
    if (wanted === undefined) throw error
    const present = process.report.getReport().header.glibcVersionRuntime
    throw new Error(`its binary needs glibc ${wanted}, and this system has ${present}`, { cause: error })
  }
}
