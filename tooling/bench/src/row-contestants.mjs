/** @import { Contestant } from './types.ts' */

/**
 * Who exports a table.
 * @param {{ nodeServer: (file: string) => string[], uwsServer: (file: string) => string[], denoServer: (file: string) => string[],
 *   native: Record<string, string> }} how
 * @returns {Contestant[]}
 */
export function rowContestants({ nodeServer, uwsServer, denoServer, native }) {
  return [
    {
      name: 'catzilla-rows',
      label: '**catzilla**',
      role: 'own',
      command: () => nodeServer('rows-catzilla.mjs'),
      env: native,
      packages: ['catzilla'],
    },
    {
      name: 'express-rows',
      label: 'Express with **our adapter**',
      role: 'own',
      command: () => nodeServer('rows-express-streaming.mjs'),
      packages: ['express'],
    },
    onNodeHttp('csv-stringify', 'csv-stringify on node:http', ['csv-stringify']),
    onNodeHttp('fast-csv', 'fast-csv on node:http', ['@fast-csv/format']),
    onNodeHttp('papaparse', 'papaparse per batch on node:http', ['papaparse']),
    onNodeHttp('csv-by-hand', 'templates joined by hand on node:http'),
    onNodeHttp('json-readable', 'Readable.from() on node:http'),
    onNodeHttp('json-by-hand', 'JSON.stringify joined by hand on node:http'),
    {
      name: 'rows-uws',
      label: 'joined by hand on uWebSockets.js',
      role: 'peer',
      command: () => uwsServer('rows-uws.mjs'),
      packages: ['@btc-vision/uwebsockets.js'],
    },
    {
      name: 'rows-deno',
      label: 'joined by hand on Deno',
      role: 'peer',
      command: () => denoServer('rows-deno.mjs'),
      packages: ['deno'],
    },
  ]

  /**
   * @param {string} writer
   * @param {string} label
   * @param {string[]} [packages]
   * @returns {Contestant}
   */
  function onNodeHttp(writer, label, packages = []) {
    const command = () => nodeServer('rows-node-http.mjs')
    return { name: `rows-${writer}`, label, role: 'peer', command, env: { WRITER: writer }, packages }
  }
}
