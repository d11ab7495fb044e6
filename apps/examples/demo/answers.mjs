/** Text that is written ahead; only its pace is made up. */
const answers = {
  why: `Because the first line is usually ready long before the last one.

A handler that collects its answer makes everybody wait for the slowest part, and holds all of it in memory until then. A handler that yields lets go of each piece as soon as it exists: the reader sees something in milliseconds, and the server holds kilobytes where it used to hold the whole export.

You write a loop with "yield" in it. The rest is the server's work: joining small pieces into frames, sending them when you pause, and waiting when the reader is slow.`,

  slow: `Nothing piles up.

The server asks your generator for the next item only while the socket takes bytes. Once 64 KiB wait to be sent, the generator stays where it is, at its "yield", until the reader has caught up. Memory stays flat whether the export has a thousand rows or a hundred million, and one slow phone on a train does not cost you more than one fast desktop.

Try it with the stream without end, further down on this page: the buffers of your system and your browser fill up once, then the server goes at the pace of the reader.`,

  gone: `The generator is told at once.

When the connection closes, the server calls return() on it. Execution continues in your "finally" block, right behind the "yield" where it stood, so files are closed and queries are cancelled by the same code as always. Nobody has to poll a flag.

Press Stop now, in the middle of this sentence. The line below the answer will tell how far the generator came and how its stream ended, and the number of active streams at the top of the page goes down by one.`,
}

/** @param {string | null | undefined} question */
export function answerTo(question) {
  return answers[question ?? 'why'] ?? answers.why
}

/** Cuts a text into pieces of at most six characters, the space before a word belonging to it. */
export function* tokensOf(text) {
  for (const [token] of text.matchAll(/\s*\S{1,6}/g)) yield token
}

/** Milliseconds before the next token: uneven, and longer behind a full stop. */
export function pauseAfter(token) {
  const pause = 15 + Math.random() * 45
  if (/[.:?]$/.test(token)) return pause + 180
  return token.endsWith(',') ? pause + 70 : pause
}
