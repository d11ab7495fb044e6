import { catzilla } from '@catzilla/server'
import { Topic } from '@catzilla/streaming'
import { RawClient, until } from '@catzilla/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { sse } from '@catzilla/sse'

test('sse() sends what a topic has encoded as it is, and the native engine does it alone', async () => {
  const topic = new Topic<number>({ encode: (n) => `data: ${n}\n\n` })
  const app = catzilla({ transport: 'native' })
  app.get('/', () => sse(topic.subscribe(), { retryMs: null }))
  const { port } = await app.listen({ port: 0, host: '127.0.0.1' })
  onTestFinished(() => app.close({ graceMs: 0 }))
  const client = await RawClient.connect(port)
  onTestFinished(() => client.leave())
  const response = await client.get('/')
  await until(() => inJavaScript(topic) === 0 && topic.stats.subscribers === 1, 'it should join the engine')
  topic.publish(1)
  topic.publish(2)
  await response.receives('data: 1\n\ndata: 2\n\n')
  expect(topic.stats.subscribers).toBe(1)
})

/** Subscribers that have not joined an engine. */
function inJavaScript<Item>(topic: Topic<Item>): number {
  const { broadcast } = topic as unknown as { broadcast: { subscribers: Set<unknown> } }
  return broadcast.subscribers.size
}
