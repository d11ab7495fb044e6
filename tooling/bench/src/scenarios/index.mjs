import { broadcastScenarios } from './broadcast.mjs'
import { buffers } from './buffers.mjs'
import { file } from './file.mjs'
import { firstByteScenarios } from './first-byte.mjs'
import { helloScenarios } from './hello.mjs'
import { idle } from './idle.mjs'
import { itemScenarios } from './items.mjs'
import { ringScenarios } from './ring.mjs'
import { rowScenarios } from './rows.mjs'
import { stalled } from './stalled.mjs'
import { workerScenarios } from './workers.mjs'

/** In the order of the report. */
export const scenarios = [
  ...helloScenarios,
  ...firstByteScenarios,
  ...itemScenarios,
  ...rowScenarios,
  buffers,
  file,
  ...broadcastScenarios,
  idle,
  stalled,
  ...workerScenarios,
  ...ringScenarios,
]
