import { catzilla, type TransportName } from '@catzilla/server'
import { EVERYTHING, type StreamHost } from '@catzilla/testkit'
import { bundled } from '../workers/bundled.ts'
import { connectScope } from '../workers/scope-channel.ts'
import { silent } from './silent.ts'

let started = 0

/** The case holds one end of it while the other is in a worker. */
const HELD: Readonly<Record<string, string>> = {
  'a write leaves at the end of its turn, and flush at once': 'writer',
  'close ends the stream well, whatever the callback does then': 'writer',
  'a write after close rejects': 'writer',
  'a write of what is neither text nor bytes breaks the body, also when nobody awaits it': 'writer',
  'a write that waits for the reader rejects when the client leaves': 'writer',
  'writes that nobody awaits do not crash the process when the client leaves': 'writer',
  'a writer that ignores all promises gets an error instead of all the memory': 'writer',
  'the head arrives before the body has begun, and each event before the next': 'upstream',
  'an upstream that cuts its chunks within characters is relayed in whole ones': 'upstream',
  'an upstream that breaks shows the client a broken body': 'upstream',
  'a reader that stands still stops the upstream, which goes on with it': 'upstream',
  'until ends streams well on every host': 'signal',
  'clients of a channel get each event once, also when they come back': 'channel',
  'a run goes on without its viewer': 'run',
  'each item is sent before the next is there': "producer's memory",
  'a client that leaves ends the generator, and its finally runs': "producer's memory",
  'a client that stands still stops the generator, and not its worker': "producer's memory",
}

function cannot(chapter: string, title: string): string | undefined {
  if (chapter === 'broadcast') return 'the case has a topic of one thread; those of several have a suite of their own'
  if (chapter === 'files') return 'the case holds the file, which each worker opens for itself'
  const held = HELD[title]
  return held && `the case holds the ${held}, which is in a worker`
}

/** An app on two workers, as a host of the stream contract. Each worker makes the routes of a case for itself. */
export function workersHost(transport: TransportName): StreamHost {
  return {
    can: EVERYTHING,
    cannot,
    async start(_routes, scope) {
      const channel = `catzilla-contract-${process.pid}-${++started}`
      const module = new URL(await bundled('contract-app'))
      module.search = String(new URLSearchParams({ case: scope.name, channel, transport }))
      const app = catzilla({ transport, logger: silent })
      const line = connectScope(scope, channel)
      const { port } = await app.listen({ host: '127.0.0.1', workers: 2, module })
      let activeStreams = 1
      let looking = false
      const look = async () => {
        if (looking) return
        looking = true
        ;({ activeStreams } = await app.totalStats())
        looking = false
      }
      return {
        port,
        async close(options) {
          await app.close(options)
          line.close()
        },
        stats() {
          void look()
          return { activeStreams }
        },
      }
    },
  }
}
