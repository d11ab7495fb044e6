import { createHash } from 'node:crypto'
import { get } from 'node:http'

/** @import { IncomingMessage } from 'node:http' */
/** @import { Server } from './types.ts' */

const SECONDS = 30

/**
 * Throws unless `path` answers 200 with exactly `expected`.
 * @param {Pick<Server, 'port'>} server
 * @param {string} path
 * @param {string} expected
 * @param {Record<string, string>} [headers] of the request
 */
export async function expectBody({ port }, path, expected, headers = {}) {
  const response = await answerOf(port, path, headers)
  let body = ''
  for await (const text of response.setEncoding('utf8')) body += text
  if (body !== expected) throw new Error(`${path} answers ${JSON.stringify(body.slice(0, 60))}`)
}

/**
 * The same for a body too long to be kept.
 * @param {Pick<Server, 'port'>} server
 * @param {string} path
 * @param {{ bytes: number, sha256: string }} expected
 */
export async function expectDigest({ port }, path, { bytes, sha256 }) {
  const found = await digest(await answerOf(port, path, {}))
  if (found.bytes !== bytes) throw new Error(`${path} has ${found.bytes} bytes instead of ${bytes}`)
  if (found.sha256 !== sha256) throw new Error(`${path} has the SHA-256 ${found.sha256}`)
}

/** @param {Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>} source */
export async function digest(source) {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of source) {
    hash.update(chunk)
    bytes += chunk.length
  }
  return { bytes, sha256: hash.digest('hex') }
}

/**
 * @param {number} port
 * @param {string} path
 * @param {Record<string, string>} headers
 * @returns {Promise<IncomingMessage>}
 */
function answerOf(port, path, headers) {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(SECONDS * 1000)
    const request = get({ host: '127.0.0.1', port, path, headers, agent: false, signal }, (response) => {
      if (response.statusCode === 200) return resolve(response)
      response.resume()
      reject(new Error(`${path} has status ${response.statusCode}`))
    })
    request.on('error', reject)
  })
}
