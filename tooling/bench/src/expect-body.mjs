import { get } from 'node:http'

/** @import { Server } from './types.ts' */

const SECONDS = 10

/**
 * Throws unless `path` answers 200 with exactly `expected`.
 * @param {Pick<Server, 'port'>} server
 * @param {string} path
 * @param {string} expected
 */
export async function expectBody({ port }, path, expected) {
  const { status, body } = await fetchText(port, path)
  if (status !== 200) throw new Error(`${path} has status ${status}`)
  if (body !== expected) throw new Error(`${path} answers ${JSON.stringify(body.slice(0, 60))}`)
}

/**
 * @param {number} port
 * @param {string} path
 * @returns {Promise<{ status: number | undefined, body: string }>}
 */
function fetchText(port, path) {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(SECONDS * 1000)
    const request = get({ host: '127.0.0.1', port, path, agent: false, signal }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (text) => (body += text))
      response.on('end', () => resolve({ status: response.statusCode, body }))
      response.on('error', reject)
    })
    request.on('error', reject)
  })
}
