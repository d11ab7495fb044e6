import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'

/**
 * Answers each request with raw bytes of the test's choice: only so can an answer be wrong.
 * @param answer gets the socket after each complete request head
 */
export async function rawServer(answer: (socket: Socket, head: string) => void) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let input = ''
    socket.on('data', (bytes) => {
      input += bytes.toString('latin1')
      for (let end; (end = input.indexOf('\r\n\r\n')) >= 0; input = input.slice(end + 4))
        answer(socket, input.slice(0, end))
    })
    socket.on('error', () => {}) // clients leave by reset
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
