import { HELLO } from '../../servers/content.mjs'
import { measureClient } from '../clients.mjs'
import { expectBody } from '../expect-body.mjs'

/** @import { Scenario } from '../types.ts' */

/** @type {Scenario} */
export const hello = {
  name: 'hello',
  group: 'hello',
  title: 'Hello',
  method: 'A text of 13 bytes from a handler; 64 keep-alive connections, one request in flight on each.',
  cores: 2,
  columns: [
    { key: 'cpuUs', title: 'CPU µs/request', digits: 2, spread: true },
    { key: 'perSecond', title: 'requests/s', digits: 0, spread: true },
    { key: 'p50Us', title: 'p50 µs', digits: 0 },
    { key: 'p99Us', title: 'p99 µs', digits: 0 },
    { key: 'busy', title: 'server busy', digits: 2 },
  ],
  comparisons: [
    { to: 'floor', title: 'floor, per CPU', as: 'speed', key: 'cpuUs', digits: 2 },
    { to: 'node-http', title: 'node:http, per CPU', as: 'speed', key: 'cpuUs', digits: 2 },
    { to: 'best-peer', title: 'best peer, per CPU', as: 'speed', key: 'cpuUs', digits: 2 },
  ],
  check: (server) => expectBody(server, '/hello', HELLO),

  async measure(server, { seconds }) {
    const args = ['--path', '/hello', '--expect-bytes', HELLO.length, '--connections', 64, '--seconds', seconds]
    const { figures, cpuNs } = await measureClient('load', server, args)
    const { requests = 0, seconds: wall = 0, perSecond = 0, p50Us = 0, p99Us = 0 } = figures
    return { cpuUs: cpuNs / 1000 / requests, perSecond, p50Us, p99Us, busy: cpuNs / 1e9 / wall }
  },
}
