// What the server of each README's first example answers.
/** @type {Record<string, { path: string, expected: RegExp }>} */
export const readmes = {
  '@catzilla/streaming': { path: '/', expected: /row 999999\n$/ },
  '@catzilla/server': { path: '/count', expected: /^0\n1\n[\d\n]*999999\n$/ },
  '@catzilla/sse': { path: '/', expected: /event: tick\n/ },
  '@catzilla/csv': { path: '/', expected: /^id,customer,[^]*\r\n100000,[^\r]*\r\n$/ },
  '@catzilla/jsonl': { path: '/', expected: /^\{"id":1,[^]*\n\{"id":100000,.*\n$/ },
  catzilla: { path: '/count', expected: /^0\n1\n[\d\n]*999999\n$/ },
}
