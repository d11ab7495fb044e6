import { join } from 'node:path'
import { benchFolder, toolPath } from './build.mjs'

/** @import { Contestant } from './types.ts' */

/**
 * In the order of the tables. A new one needs a server that prints `listening on 127.0.0.1:PORT`, answers the routes of
 * `servers/content.mjs`, and a line here; one that cannot start on some machine is reported there as such.
 * @type {Contestant[]}
 */
export const contestants = [
  { name: 'floor', label: 'raw C epoll (the floor)', role: 'floor', command: () => [toolPath('floor-server')] },
  {
    name: 'bare-generator',
    label: 'the generator alone, nothing sent',
    role: 'yardstick',
    command: () => nodeServer('bare-generator.mjs'),
    only: ['items'],
  },
  {
    name: 'catzilla',
    label: '**catzilla**',
    role: 'own',
    command: () => nodeServer('catzilla.mjs'),
    // Without the native engine this must fail: a silent fall-back would put the wrong figures into this row.
    env: { CATZILLA_TRANSPORT: 'native' },
    packages: ['catzilla'],
  },
  {
    name: 'catzilla-node',
    label: '**catzilla** on node:http',
    role: 'own',
    command: () => nodeServer('catzilla.mjs'),
    env: { CATZILLA_TRANSPORT: 'node' },
  },
  {
    name: 'express-streaming',
    label: 'Express with **our adapter**',
    role: 'own',
    command: () => nodeServer('express-streaming.mjs'),
    packages: ['express'],
  },
  {
    name: 'fastify-streaming',
    label: 'Fastify with **our adapter**',
    role: 'own',
    command: () => nodeServer('fastify-streaming.mjs'),
    packages: ['fastify'],
  },
  {
    name: 'hono-streaming',
    label: 'Hono with **our adapter**',
    role: 'own',
    command: () => nodeServer('hono-streaming.mjs'),
    packages: ['hono', '@hono/node-server'],
  },
  {
    name: 'express-streaming-async',
    label: 'Express with **our adapter**, async generator',
    role: 'own',
    command: () => nodeServer('express-streaming.mjs'),
    env: { SOURCE: 'async' },
    only: ['items'],
  },
  {
    name: 'express-streaming-writer',
    label: 'Express with **our adapter**, `await w.write()` per item',
    role: 'own',
    command: () => nodeServer('express-streaming.mjs'),
    env: { SOURCE: 'writer' },
    only: ['items'],
  },
  { name: 'node-http', label: 'node:http', role: 'peer', command: () => nodeServer('node-http.mjs') },
  {
    name: 'node-http-batched',
    label: 'node:http, batched by hand',
    role: 'peer',
    command: () => nodeServer('node-http-batched.mjs'),
  },
  {
    name: 'fastify',
    label: 'Fastify',
    role: 'peer',
    command: () => nodeServer('fastify.mjs'),
    packages: ['fastify'],
  },
  {
    name: 'hono',
    label: 'Hono',
    role: 'peer',
    command: () => nodeServer('hono.mjs'),
    packages: ['hono', '@hono/node-server'],
  },
  {
    name: 'express',
    label: 'Express',
    role: 'peer',
    command: () => nodeServer('express.mjs'),
    packages: ['express'],
  },
]

/** @param {string} file */
function nodeServer(file) {
  return [process.execPath, join(benchFolder, 'servers', file)]
}
