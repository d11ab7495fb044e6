// Stands in for streaming/src/worker/thread-url.ts in tests.
import { testModule } from './test-build.mjs'

export const THREAD_URL = new URL(testModule('worker-thread'))
