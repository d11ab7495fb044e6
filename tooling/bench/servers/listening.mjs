/**
 * Tells the runner where the server listens: it reads the port from this line.
 * @param {number} port
 */
export function listening(port) {
  console.log(`listening on 127.0.0.1:${port}`)
}
