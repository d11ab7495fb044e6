// uWebSockets.js, strings of 64 KiB joined by hand.
import { listening } from './listening.mjs'
import { csvBatches, jsonBatches } from './rows-content.mjs'
import { App, us_socket_local_port } from './uws-loaded.mjs'

const app = App()
app.get('/csv-rows', (res) => stream(res, csvBatches()))
app.get('/json-rows', (res) => stream(res, jsonBatches()))
app.listen('127.0.0.1', 0, (socket) => listening(us_socket_local_port(socket)))

/**
 * Sends batches for as long as the client keeps up; `write()` says `false` when it does not.
 * @param {import('@btc-vision/uwebsockets.js').HttpResponse} res
 * @param {Iterator<string>} source
 */
function stream(res, source) {
  let state = 'sending'
  const send = () => {
    state = 'sending'
    while (state === 'sending') {
      const { value, done } = source.next()
      if (done) {
        state = 'over'
        res.cork(() => res.end())
      } else {
        res.cork(() => {
          if (!res.write(value)) state = 'waiting'
        })
      }
    }
  }
  res.onAborted(() => {
    state = 'over'
  })
  res.onWritable(() => {
    if (state === 'waiting') send()
    return true
  })
  send()
}
