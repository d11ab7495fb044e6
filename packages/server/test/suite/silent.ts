import type { Logger } from '@catzilla/server'

/** For tests whose handlers fail on purpose. */
export const silent: Logger = { info() {}, warn() {}, error() {} }
