/** @param {string} line */
export function progress(line) {
  console.error(`bench: ${line}`)
}
