// The stream contract on a server of two workers: where a connection lands, the routes are those of that thread.
import { describeStreamContract } from '@catzilla/testkit'
import { workersHost } from './suite/workers-host.ts'
import { bundled } from './workers/bundled.ts'

await bundled('contract-app') // It keeps this thread busy, and some cases look at the clock.

describeStreamContract('the native transport, two workers', workersHost('native'))
