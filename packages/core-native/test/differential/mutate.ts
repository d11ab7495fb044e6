/** Numbers from 0 up to `below`, the same for the same seed (mulberry32). */
export type Random = (below: number) => number

export function seeded(seed: number): Random {
  let state = seed | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** What parsers stumble over. */
const PIECES = [
  '\r', '\n', '\r\n', '\r\n\r\n', ' ', '\t', '\0', '\x0b', '\x7f', '\x80', '\xff', ':', ';', ',', '"', '\\', '=', '/', '?', '#', '%', '[', ']',
  '0', '1', '5', 'f', 'x', '+', '-', '0x', '00', 'ffffffffffffffff', '18446744073709551616', 'chunked', 'CHUNKED', 'chunked, chunked', 'gzip, chunked',
  'identity', 'close', 'keep-alive', 'HTTP/1.0', 'HTTP/1.1', 'HTTP/1.2', 'HTTP/2.0', 'HEAD', 'GET', 'POST', 'OPTIONS', '*', 'http://a/', '\x85', '\xa0',
  'Host: a\r\n', 'Host: b\r\n', 'Host:\r\n', 'Content-Length: 5\r\n', 'Content-Length: 0\r\n', 'Content-Length: 5, 5\r\n', 'Content-Length: +5\r\n',
  'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding : chunked\r\n', 'Transfer-Encoding:\tchunked\r\n', 'Transfer-Encoding: xchunked\r\n',
  'Transfer-Encoding: chunked;a=b\r\n', 'Connection: close\r\n', 'Connection: keep-alive\r\n', 'Expect: 100-continue\r\n', ' folded\r\n', 'a: b\r\n',
  '0\r\n\r\n', '5\r\nhello\r\n', '5;a=b\r\nhello\r\n', '5;a="\r\n"\r\n', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
  'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
] // prettier-ignore

const MAX_LENGTH = 2048

/** An input made of one or two others by a few cuts, doublings and insertions. Latin-1. */
export function mutate(corpus: readonly string[], random: Random): string {
  let text = corpus[random(corpus.length)]!
  for (let left = 1 + random(3); left > 0; left--) text = step(text, corpus, random)
  return text.slice(0, MAX_LENGTH)
}

function step(text: string, corpus: readonly string[], random: Random): string {
  const at = random(text.length + 1)
  const length = 1 + random(8)
  switch (random(10)) {
    case 0:
      return text.slice(0, at) + PIECES[random(PIECES.length)]! + text.slice(at)
    case 1:
      return text.slice(0, at) + PIECES[random(PIECES.length)]! + text.slice(at + length)
    case 2:
      return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1)
    case 3:
      return text.slice(0, at) + text.slice(at + length)
    case 4:
      return text.slice(0, at) + text.slice(at, at + length) + text.slice(at)
    case 5: {
      const other = corpus[random(corpus.length)]!
      return text.slice(0, at) + other.slice(random(other.length + 1))
    }
    // Three that often leave a good request good, so that what is behind it is seen, too.
    case 6:
      return text + corpus[random(corpus.length)]!
    case 7:
      return corpus[random(corpus.length)]! + text
    case 8:
      return text.slice(0, at) + swapCase(text.slice(at, at + length)) + text.slice(at + length)
    default: {
      // A whole line again, or gone, or between others: fields are what framing hangs on.
      const lines = text.split('\r\n')
      const line = random(lines.length)
      lines.splice(random(lines.length), random(2), lines[line]!)
      return lines.join('\r\n')
    }
  }
}

function swapCase(text: string): string {
  return text.replaceAll(/[a-zA-Z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) ^ 0x20))
}
