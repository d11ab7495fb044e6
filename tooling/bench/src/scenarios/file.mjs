import { createReadStream, mkdtempSync, rmSync, writeFileSync, appendFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digest, expectDigest } from '../expect-body.mjs'
import { bytesPerCpu, measureBytes } from './large-body.mjs'

/** @import { Scenario } from '../types.ts' */

const PIECE = 16 * 1024 * 1024
const PIECES = 64

/** Of the file that `prepare()` made. */
let expected = { bytes: 0, sha256: '' }

/** @type {Scenario} */
export const file = {
  name: 'file',
  group: 'file',
  title: 'A file of 1 GiB',
  method:
    'A download of a file that is in the page cache; the client has the kernel discard the payload. nginx and the floor use ' +
    '`sendfile`.',
  cores: 2,
  contestants: 'floor nginx catzilla catzilla-node bun deno node-http express',
  ...bytesPerCpu,
  comparisons: [
    { to: 'floor', title: 'floor, per CPU', as: 'speed', key: 'cpuMsPerGb', digits: 2 },
    { to: 'nginx', title: 'nginx, per CPU', as: 'speed', key: 'cpuMsPerGb', digits: 2 },
    { to: 'node-http', title: 'node:http, per CPU', as: 'speed', key: 'cpuMsPerGb', digits: 2 },
  ],
  bars: [
    {
      words: '≥ nginx with sendfile, GB per CPU second',
      unit: '×',
      key: 'cpuMsPerGb',
      digits: 2,
      against: { to: 'nginx', as: 'speed' },
      atLeast: 1,
    },
  ],

  async prepare() {
    const folder = mkdtempSync(join(tmpdir(), 'bench-file-'))
    const path = join(folder, 'file')
    const tidyUp = () => rmSync(folder, { recursive: true, force: true })
    process.once('exit', tidyUp)
    makeFile(path)
    expected = await digest(createReadStream(path, { highWaterMark: PIECE })) // It is in the page cache from now on.
    return { env: { FILE: path }, tidyUp }
  },
  check: (server) => expectDigest(server, '/file', expected),
  measure: (server, { seconds }) => measureBytes(server, '/file', expected.bytes, seconds / 2),
}

/**
 * No two pieces alike, so that one sent twice or in the wrong place is found.
 * @param {string} path
 */
function makeFile(path) {
  const piece = Buffer.alloc(PIECE, 'All work and no play makes a dull benchmark. ')
  writeFileSync(path, '')
  for (let i = 0; i < PIECES; i++) {
    for (let at = 0; at < PIECE; at += 4096) piece.writeUInt32LE(i * (PIECE / 4096) + at / 4096, at)
    appendFileSync(path, piece)
  }
}
