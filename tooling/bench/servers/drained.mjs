/**
 * Waits until the client has caught up, or is gone.
 * @param {import('node:http').ServerResponse} res
 */
export function drained(res) {
  return new Promise((resolve) => {
    const settle = () => {
      res.off('drain', settle).off('close', settle)
      resolve(undefined)
    }
    res.on('drain', settle).on('close', settle)
  })
}
