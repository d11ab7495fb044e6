// The thread behind outside-reader.ts.
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

const { port, http2, path } = workerData
if (http2) readHttp2()
else readHttp1()

function readHttp1() {
  const socket = connect(port, '127.0.0.1')
  socket.on('connect', () => socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`))
  receive(socket, 'data')
}

function readHttp2() {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  const stream = session.request({ ':path': path })
  stream.on('close', () => session.close())
  receive(stream, 'response')
}

/**
 * @param {import('node:stream').Readable} stream
 * @param {string} first the event at the first bytes
 */
function receive(stream, first) {
  stream.once(first, () => parentPort.postMessage('receiving'))
  stream.resume()
  stream.on('error', () => {}) // 'close' follows.
  stream.on('close', () => parentPort.close())
}
