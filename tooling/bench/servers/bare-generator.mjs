// Not a server to compare with, but the yardstick for `/items`: the generator alone, its items made and counted, and none of
// them sent. What a contestant costs above this row is the price of delivering the items.
import { createServer } from 'node:http'
import { items } from './content.mjs'
import { listening } from './listening.mjs'

const server = createServer((req, res) => {
  let length = 0
  for (const item of items()) length += item.length
  res.end(String(length))
})

server.listen(0, '127.0.0.1', () => listening(server.address().port))
