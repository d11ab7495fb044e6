// Not a server to compare with, but the yardsticks: the generators alone, their items made and counted, and none of them sent.
// What a contestant costs above these rows is the price of delivering the items.
import { createServer } from 'node:http'
import { items, itemsAsync, quiet, quietAsync, writeItems, writeItemsAhead } from './content.mjs'
import { listening } from './listening.mjs'

const DONE = Promise.resolve()
/** Generators that wait for ever, as those of idle streams do. */
const held = []

const server = createServer(async (req, res) => {
  const { pathname, searchParams } = new URL(req.url, 'http://localhost')
  res.end(String(await count(pathname, Number(searchParams.get('count')))))
})

/**
 * @param {string} path
 * @param {number} streams
 */
async function count(path, streams) {
  let length = 0
  switch (path) {
    case '/items':
      for (const item of items()) length += item.length
      break
    case '/items-async':
      for await (const item of itemsAsync()) length += item.length
      break
    case '/items-writer':
      await writeItems((item) => {
        length += item.length
        return DONE
      })
      break
    case '/items-writer-ahead':
      writeItemsAhead((item) => {
        length += item.length
        return DONE
      })
      break
    case '/idle':
      for (let i = 0; i < streams; i++) {
        const generator = process.env.SOURCE === 'async' ? quietAsync() : quiet()
        void generator.next()
        held.push(generator)
      }
      return held.length
  }
  return length
}

server.listen(0, '127.0.0.1', () => listening(server.address().port))
