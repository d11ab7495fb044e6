import { describe } from 'vitest'
import type { TransportName } from '@catzilla/server'
import { bodies } from './bodies.ts'
import { connections } from './connections.ts'
import { errors } from './errors.ts'
import { limits } from './limits.ts'
import { requests } from './requests.ts'
import { resting } from './resting.ts'
import { results } from './results.ts'
import { routing } from './routing.ts'
import { shutdown } from './shutdown.ts'
import { Stage } from './stage.ts'

const CHAPTERS: Readonly<Record<string, (stage: Stage) => void>> = {
  routing,
  requests,
  bodies,
  results,
  resting,
  errors,
  connections,
  limits,
  shutdown,
}

/** Proves on one transport what the server promises beyond the stream contract, over real sockets. */
export function describeServer(transport: TransportName): void {
  describe(`the server on the ${transport} transport`, () => {
    for (const [title, chapter] of Object.entries(CHAPTERS)) {
      describe(title, () => {
        chapter(new Stage(transport))
      })
    }
  })
}
