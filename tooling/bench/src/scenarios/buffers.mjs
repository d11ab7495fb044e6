import { buffers as makeBuffers } from '../../servers/content.mjs'
import { digest, expectDigest } from '../expect-body.mjs'
import { once } from '../once.mjs'
import { bytesPerCpu, measureBytes } from './large-body.mjs'

/** @import { Scenario } from '../types.ts' */

const expected = once(() => digest(makeBuffers()))

/** @type {Scenario} */
export const buffers = {
  name: 'buffers',
  group: 'buffers',
  title: 'Buffers of 64 KiB',
  method:
    'A generator yields the same buffer of 64 KiB 8,192 times: half a GiB. The client reads the framing and has the kernel ' +
    'discard the payload (`MSG_TRUNC`), so that the sender is the limit. The floor ' +
    'makes one system call for each buffer.',
  cores: 2,
  contestants: 'floor floor-batched catzilla catzilla-node uws bun deno node-http node-http-batched',
  ...bytesPerCpu,
  comparisons: [
    { to: 'floor', title: 'floor, per CPU', as: 'speed', key: 'cpuMsPerGb', digits: 2 },
    { to: 'best-peer', title: 'best peer, per CPU', as: 'speed', key: 'cpuMsPerGb', digits: 2 },
  ],
  bars: [
    {
      words: "≥ 0.97 of the floor's GB per CPU second",
      unit: '×',
      key: 'cpuMsPerGb',
      digits: 2,
      against: { to: 'floor', as: 'speed' },
      atLeast: 0.97,
    },
  ],
  check: async (server) => expectDigest(server, '/buffers', await expected()),
  measure: async (server, { seconds }) => measureBytes(server, '/buffers', (await expected()).bytes, seconds / 2),
}
