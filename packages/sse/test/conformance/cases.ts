import type { SseItem } from '../../src/index.ts'

/** What an `EventSource` dispatches. */
export interface Dispatched {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
}

export interface Case {
  readonly name: string
  /** A body, or items for `sse()`. */
  readonly send: string | readonly SseItem[]
  readonly events: readonly (string | Partial<Dispatched>)[]
  /** What comes back as `Last-Event-ID`; `null` for no field. */
  readonly comesBack?: string | null
  readonly contentType?: string
}

const LONG = 'x'.repeat(2 * 1024)

/** The cases of web-platform-tests `eventsource/`, with the bodies that their servers send. */
export const WPT: readonly Case[] = [
  {
    name: 'event-data',
    send: 'data:msg\ndata:msg\n\n:\nfalsey:msg\n\nfalsey:msg\nData:data\n\ndata\n\ndata:end\n\n',
    events: ['msg\nmsg', '', 'end'],
  },
  { name: 'format-bom', send: '\uFEFFdata:1\n\n\uFEFFdata:2\n\ndata:3\n\n', events: ['1', '3'] },
  { name: 'format-bom-2', send: '\uFEFF\uFEFFdata:1\n\ndata:2\n\ndata:3\n\n', events: ['2', '3'] },
  {
    name: 'format-comments',
    send: `data:1\r:\0\n:\r\ndata:2\n:${LONG}\rdata:3\n:data:fail\r:${LONG}\ndata:4\n\n`,
    events: ['1\n2\n3\n4'],
  },
  {
    name: 'format-data-before-final-empty-line',
    send: 'retry:100\ndata:test1\n\nid:test\ndata:test2',
    events: ['test1'],
    comesBack: null,
  },
  { name: 'format-field-data', send: 'data:\n\ndata\ndata\n\ndata:test\n\n', events: ['', '\n', 'test'] },
  {
    name: 'format-field-event',
    send: 'event:test\ndata:x\n\ndata:x\n\n',
    events: [
      { type: 'test', data: 'x' },
      { type: 'message', data: 'x' },
    ],
  },
  { name: 'format-field-event-empty', send: 'event: \ndata:data\n\n', events: [{ type: 'message', data: 'data' }] },
  {
    name: 'format-field-id',
    send: 'id: …\nretry:50\ndata:hello\n\n',
    events: [{ data: 'hello', lastEventId: '…' }],
    comesBack: '…',
  },
  {
    name: 'format-field-id-2',
    send: 'retry:50\nid: 1\ndata:1\n\ndata:2\n\nid: 2\n\ndata:3\n\n',
    events: [
      { data: '1', lastEventId: '1' },
      { data: '2', lastEventId: '1' },
      { data: '3', lastEventId: '2' },
    ],
    comesBack: '2',
  },
  {
    name: 'format-field-id-3',
    send: 'retry:50\nid: 1\ndata:1\n\nid\ndata:2\n\n',
    events: [
      { data: '1', lastEventId: '1' },
      { data: '2', lastEventId: '' },
    ],
    comesBack: null,
  },
  {
    name: 'format-field-id-null',
    send: 'retry:50\nid: before\ndata:1\n\nid: \0after\ndata:2\n\n',
    events: [
      { data: '1', lastEventId: 'before' },
      { data: '2', lastEventId: 'before' },
    ],
    comesBack: 'before',
  },
  {
    name: 'format-field-parsing',
    send: 'data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\rdata:\r\n data:32\ndata:4\n\n',
    events: ['\0\n 2\n1\n3\n\n4'],
  },
  { name: 'format-field-retry', send: 'retry:50\ndata:x\n\n', events: ['x'] },
  { name: 'format-field-retry-bogus', send: 'retry:50\nretry:1000x\ndata:x\n\n', events: ['x'] },
  { name: 'format-field-retry-empty', send: 'retry:50\nretry\ndata:test\n\n', events: ['test'] },
  {
    name: 'format-field-unknown',
    send: 'data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n',
    events: ['test\n\ntest'],
  },
  { name: 'format-leading-space', send: 'data:\ttest\rdata: \ndata:test\n\n', events: ['\ttest\n\ntest'] },
  { name: 'format-mime-trailing-semicolon', send: 'data:ok\n\n', contentType: 'text/event-stream;', events: ['ok'] },
  { name: 'format-mime-valid-bogus', send: 'data:ok\n\n', contentType: 'text/event-stream;x bogus', events: ['ok'] },
  { name: 'format-newlines', send: 'data:test\r\ndata\ndata:test\r\n\r', events: ['test\n\ntest'] },
  { name: 'format-null-character', send: 'data:\0\n\n\n\n', events: ['\0'] },
  {
    name: 'format-utf-8',
    send: 'data:ok…\n\n',
    contentType: 'text/event-stream;charset=windows-1252',
    events: ['ok…'],
  },
]

/** What our encoder makes must be what a client dispatches. */
export const VECTORS: readonly Case[] = [
  { name: 'text', send: ['hello'], events: ['hello'] },
  { name: 'text of no characters', send: [''], events: [''] },
  { name: 'leading spaces and tabs', send: [' x', '  y', '\tz'], events: [' x', '  y', '\tz'] },
  { name: 'LF, CR and CRLF', send: ['a\nb', 'a\rb', 'a\r\nb', 'a\n\rb'], events: ['a\nb', 'a\nb', 'a\nb', 'a\n\nb'] },
  { name: 'a last line end', send: ['a\n', '\n', '\r\n'], events: ['a\n', '\n', '\n'] },
  {
    name: 'text that looks like fields',
    send: ['x\nid: 7\n\nevent: e\ndata: y\n: z\n'],
    events: ['x\nid: 7\n\nevent: e\ndata: y\n: z\n'],
    comesBack: null,
  },
  { name: 'a first character that looks like a BOM', send: ['\uFEFFx'], events: ['\uFEFFx'] },
  { name: 'NUL, U+2028, NEL, astral characters', send: ['a\0b\u2028c\u0085d🎈'], events: ['a\0b\u2028c\u0085d🎈'] },
  {
    name: 'JSON',
    send: [{ data: { a: [1, null, 'x\ny'] } }, { data: 0 }, { data: false }, { data: null }],
    events: ['{"a":[1,null,"x\\ny"]}', '0', 'false', 'null'],
  },
  {
    name: 'type, id and comment',
    send: [{ event: 'test', id: 'é→🎈', data: 'x', comment: 'n\r\nm' }],
    events: [{ type: 'test', data: 'x', lastEventId: 'é→🎈' }],
    comesBack: 'é→🎈',
  },
  { name: 'id 0', send: [{ id: 0, data: 'x' }], events: [{ lastEventId: '0' }], comesBack: '0' },
  {
    name: 'an empty id makes the client forget',
    send: [
      { id: 1, data: 'x' },
      { id: '', data: 'y' },
    ],
    events: [{ lastEventId: '1' }, { lastEventId: '' }],
    comesBack: null,
  },
  { name: 'an id alone sticks', send: [{ id: 5 }, 'x'], events: [{ data: 'x', lastEventId: '5' }], comesBack: '5' },
  { name: 'a comment and a retry dispatch nothing', send: [{ comment: 'x' }, { retry: 20 }, 'y'], events: ['y'] },
]
