import { firstByteScenarios } from './first-byte.mjs'
import { hello } from './hello.mjs'
import { items } from './items.mjs'

/** In the order of the report. */
export const scenarios = [hello, ...firstByteScenarios, items]
