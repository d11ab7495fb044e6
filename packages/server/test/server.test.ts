import { describeServer } from './suite/index.ts'
import { transports } from './suite/transports.ts'

for (const transport of transports) describeServer(transport)
