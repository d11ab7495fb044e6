import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Tells the runner where the server listens: it reads the port from this line. From then on SIGUSR2 asks for a garbage
 * collection, for the scenarios that look at memory.
 * @param {number} port
 */
export function listening(port) {
  const collectGarbage = garbageCollector()
  process.on('SIGUSR2', () => {
    // Twice: what finalizers let go of in the first is garbage in the second.
    collectGarbage()
    setTimeout(() => {
      collectGarbage()
      console.log(`collected ${JSON.stringify({ heapUsed: process.memoryUsage().heapUsed })}`)
    }, 50)
  })
  console.log(`listening on 127.0.0.1:${port}`)
}

function garbageCollector() {
  if (globalThis.Bun !== undefined) return () => globalThis.Bun.gc(true)
  if (globalThis.gc !== undefined) return globalThis.gc // Deno, with a flag
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc')
}
