// Two servers and the Redis between them, each a process of its own.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { startRedis } from './redis.mjs'

/** @typedef {{ name: string, url: string }} ClusterNode */

export async function startCluster(names = ['A', 'B']) {
  const redis = await startRedis()
  const started = await Promise.all(names.map((name) => startNode(name, redis)))
  /** @type {ClusterNode[]} */
  const nodes = started.map(({ name, url }) => ({ name, url }))
  for (const { child } of started) child.send({ nodes })
  return {
    redis,
    nodes,
    async close() {
      await Promise.all(started.map(({ child }) => stopNode(child)))
      await redis.close()
    },
  }
}

/**
 * @param {string} name
 * @param {Awaited<ReturnType<typeof startRedis>>} redis
 */
async function startNode(name, redis) {
  const child = fork(new URL('node.mjs', import.meta.url), [name, String(redis.port)])
  const [{ listening: url }] = await once(child, 'message')
  child.on('message', (/** @type {{ redis?: string }} */ { redis: action }) => {
    if (action === 'kill') void redis.kill()
    if (action === 'start') void redis.start()
  })
  return { name, url: /** @type {string} */ (url), child }
}

/** @param {import('node:child_process').ChildProcess} child */
async function stopNode(child) {
  if (child.exitCode !== null) return
  const gone = once(child, 'exit')
  child.send({ stop: true })
  await gone
}
