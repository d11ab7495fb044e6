import { describeStreamContract } from '@catzilla/testkit'
import { streamHost } from './suite/stream-host.ts'
import { transports } from './suite/transports.ts'

for (const transport of transports) describeStreamContract(`the ${transport} transport`, streamHost(transport))
