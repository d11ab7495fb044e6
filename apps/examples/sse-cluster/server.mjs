import { startCluster } from './cluster.mjs'

const { nodes, redis, close } = await startCluster()
const [{ url: a }, { url: b }] = nodes
console.log(`
  catzilla, two servers   ${a}   the page, from server A
                          ${b}   the same, from server B
  Redis                   redis://127.0.0.1:${redis.port}

  curl -N ${a}/events
  curl -X POST '${b}/publish?text=hello'
`)

process.once('SIGINT', () => void close())
process.once('SIGTERM', () => void close())
