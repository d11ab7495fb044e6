// The same on the portable backend of the native engine, also where it is not the default.
import { describeStreamContract } from '@catzilla/testkit'
import { describeServer } from './suite/index.ts'
import { streamHost } from './suite/stream-host.ts'

process.env['CATZILLA_BACKEND'] = 'uv'

describeStreamContract('the native transport, uv', streamHost('native'))
describeServer('native')
