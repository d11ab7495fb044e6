import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { benchFolder, toolPath } from './build.mjs'
import { rowContestants } from './row-contestants.mjs'

/** @import { Contestant } from './types.ts' */

// Without the native engine this must fail: a silent fall-back would put the wrong figures into its row.
const NATIVE = { CATZILLA_TRANSPORT: 'native' }

/**
 * In the order of the tables. A new one needs a server that prints `listening on 127.0.0.1:PORT`, an entry here, and its name in
 * the scenarios that it can serve; one that cannot start on some machine is reported there as such.
 * @type {Contestant[]}
 */
export const contestants = [
  { name: 'floor', label: 'raw C epoll (the floor)', role: 'floor', command: () => [toolPath('floor-server')] },
  {
    name: 'floor-batched',
    label: 'raw C epoll, eight buffers a call',
    role: 'floor',
    command: () => [toolPath('floor-server')],
    env: { BATCHED: '1' },
  },
  {
    name: 'floor-joined',
    label: 'raw C epoll, the events of a turn in one send',
    role: 'floor',
    command: () => [toolPath('floor-server')],
    env: { JOINED: '1' },
  },
  {
    name: 'bare-generator',
    label: 'the generator alone, nothing sent',
    role: 'yardstick',
    command: () => nodeServer('bare-generator.mjs'),
  },
  {
    name: 'bare-sync',
    label: 'sync generators alone, no server',
    role: 'yardstick',
    command: () => nodeServer('bare-generator.mjs'),
    env: { SOURCE: 'sync' },
  },
  {
    name: 'bare-async',
    label: 'async generators alone, no server',
    role: 'yardstick',
    command: () => nodeServer('bare-generator.mjs'),
    env: { SOURCE: 'async' },
  },
  {
    name: 'catzilla',
    label: '**catzilla**',
    role: 'own',
    command: () => nodeServer('catzilla.mjs'),
    env: NATIVE,
    packages: ['catzilla'],
  },
  {
    name: 'catzilla-none',
    label: '**catzilla**, no state of the user',
    role: 'own',
    command: () => nodeServer('catzilla.mjs'),
    env: { ...NATIVE, SOURCE: 'none' },
  },
  {
    name: 'catzilla-topic',
    label: '**catzilla**, subscribers of a topic',
    role: 'own',
    command: () => nodeServer('catzilla.mjs'),
    env: { ...NATIVE, SOURCE: 'topic' },
  },
  {
    name: 'catzilla-sync',
    label: '**catzilla**, sync generators',
    role: 'own',
    command: () => nodeServer('catzilla.mjs'),
    env: { ...NATIVE, SOURCE: 'sync' },
  },
  {
    name: 'catzilla-async',
    label: '**catzilla**, async generators',
    role: 'own',
    command: () => nodeServer('catzilla.mjs'),
    env: { ...NATIVE, SOURCE: 'async' },
  },
  {
    name: 'catzilla-node',
    label: '**catzilla** on node:http',
    role: 'own',
    command: () => nodeServer('catzilla.mjs'),
    env: { CATZILLA_TRANSPORT: 'node' },
  },
  {
    name: 'workers',
    label: '**catzilla**, generators in a worker',
    role: 'own',
    command: () => nodeServer('workers.mjs'),
    env: NATIVE,
  },
  {
    name: 'workers-node',
    label: '**catzilla** on node:http, generators in a worker',
    role: 'own',
    command: () => nodeServer('workers.mjs'),
    env: { CATZILLA_TRANSPORT: 'node' },
  },
  { name: 'ring', label: '**the ring**', role: 'own', command: () => nodeServer('ring.mjs') },
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
    name: 'uws',
    label: 'uWebSockets.js',
    role: 'peer',
    command: () => uwsServer(),
    packages: ['@btc-vision/uwebsockets.js'],
  },
  {
    name: 'uws-batched',
    label: 'uWebSockets.js, batched by hand',
    role: 'peer',
    command: () => uwsServer(),
    env: { BATCHED: '1' },
  },
  { name: 'bun', label: 'Bun', role: 'peer', command: bunServer, packages: ['bun'] },
  {
    name: 'bun-batched',
    label: 'Bun, batched by hand',
    role: 'peer',
    command: bunServer,
    env: { BATCHED: '1' },
  },
  { name: 'deno', label: 'Deno', role: 'peer', command: () => denoServer(), packages: ['deno'] },
  {
    name: 'deno-batched',
    label: 'Deno, batched by hand',
    role: 'peer',
    command: () => denoServer(),
    env: { BATCHED: '1' },
  },
  { name: 'node-http', label: 'node:http', role: 'peer', command: () => nodeServer('node-http.mjs') },
  {
    name: 'node-http-batched',
    label: 'node:http, batched by hand',
    role: 'peer',
    command: () => nodeServer('node-http-batched.mjs'),
  },
  {
    name: 'better-sse',
    label: 'better-sse',
    role: 'peer',
    command: () => nodeServer('better-sse.mjs'),
    packages: ['better-sse'],
  },
  {
    name: 'node-http-worker',
    label: 'node:http, a Worker and postMessage by hand',
    role: 'peer',
    command: () => nodeServer('node-http-worker.mjs'),
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
  ...rowContestants({ nodeServer, uwsServer, denoServer, native: NATIVE }),
  { name: 'nginx', label: 'nginx, sendfile', role: 'peer', command: () => nodeServer('nginx.mjs') },
]

/** @param {string} file */
function serverFile(file) {
  return join(benchFolder, 'servers', file)
}

/** @param {string} file */
function nodeServer(file) {
  return [process.execPath, serverFile(file)]
}

/** Its binary needs a newer C library than some systems have: UWS_NODE is a Node that has one. */
function uwsServer(file = 'uws.mjs') {
  return [process.env['UWS_NODE'] ?? process.execPath, serverFile(file)]
}

// The npm packages `bun` and `deno` hold their programs in packages of the platform; the command that they install needs a
// script after the installation, and none is run here.

function bunServer() {
  const cpu = process.arch === 'arm64' ? 'aarch64' : process.arch
  return [programOf('bun', `@oven/bun-${process.platform}-${cpu}`, 'bin/bun'), 'run', serverFile('bun.mjs')]
}

function denoServer(file = 'deno.mjs') {
  const program = programOf('deno', `@deno/${process.platform}-${process.arch}-glibc`, 'deno')
  return [program, 'run', '--no-config', '--allow-all', '--v8-flags=--expose-gc', serverFile(file)]
}

/**
 * @param {string} wrapper
 * @param {string} holder
 * @param {string} path
 */
function programOf(wrapper, holder, path) {
  const manifest = createRequire(import.meta.url).resolve(`${wrapper}/package.json`)
  return join(dirname(createRequire(manifest).resolve(`${holder}/package.json`)), path)
}
