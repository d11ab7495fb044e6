// Where our parser and Node's own differ on purpose, and why. docs/http1.md has our choices clause by clause.

export interface Difference {
  /** Our error, or for what we accept the start of the case's title. */
  of: string
  /** Only cases whose title starts so. */
  in?: string
  reason: string
}

/** What we refuse and Node may accept. Not every Node does: its parser grows stricter, too. */
export const STRICTER: Difference[] = [
  {
    of: 'bare-cr',
    in: 'request-line.md: What may stand',
    reason: 'one empty line before a request, not any number of CR and LF',
  },
  {
    of: 'bare-lf',
    in: 'request-line.md: What may stand',
    reason: 'one empty line before a request, not any number of CR and LF',
  },
  {
    of: 'target-invalid',
    in: 'request-line.md: Exactly one space',
    reason: 'one space between the parts of a request line',
  },
  { of: 'target-invalid', in: 'request-line.md: Origin form', reason: 'no target form has a fragment' },
  { of: 'target-form', reason: 'each form of a target belongs to some methods; hosts and ports in it are checked' },
  { of: 'version-malformed', reason: 'one space before the version, and no HTTP/0.9' },
  { of: 'version-unsupported', reason: 'we speak 1.0 and 1.1' },
  { of: 'host-repeated', reason: 'RFC 9112 §3.2 demands a 400; Node keeps the first' },
  { of: 'host-invalid', reason: 'RFC 9112 §3.2 demands a 400; Node does not look at the value' },
  { of: 'connection-invalid', reason: 'Connection is a list of tokens' },
  { of: 'expectation-unsupported', reason: 'Node leaves these to the application, or takes the first word' },
  { of: 'content-length-invalid', reason: 'no tab around a length' },
  { of: 'content-length-too-large', reason: 'lengths travel as JavaScript numbers' },
  { of: 'transfer-encoding-invalid', reason: 'an empty coding, or chunked not in the same line' },
  { of: 'transfer-encoding-unsupported', reason: 'Node hands the coded body to the application' },
  { of: 'transfer-encoding-repeated', reason: 'an empty second line' },
  { of: 'transfer-encoding-in-http-1-0', reason: 'RFC 9112 §6.1: the framing is faulty' },
  { of: 'chunk-size-too-large', reason: 'lengths travel as JavaScript numbers, and 16 digits are enough' },
  { of: 'chunk-extension-invalid', reason: 'names and values may not be empty, quotes stand at the start only' },
  { of: 'chunk-extensions-too-large', reason: '4 KiB in a body; Node: 16 KiB' },
  { of: 'trailer-forbidden', reason: 'RFC 9110 §6.5.1; Node hands them to the application' },
  { of: 'trailers-too-large', reason: '4 KiB; Node: the size of a head' },
  { of: 'target-too-long', reason: '8 KiB; Node has no limit but that of the head' },
  { of: 'too-many-fields', reason: 'Node drops what exceeds its limit, silently' },
  {
    of: 'head-too-large',
    in: 'limits.md: The size of a head',
    reason: 'we count every byte, Node not the line endings',
  },
]

/** What we accept and Node refuses. */
export const MORE_LENIENT: Difference[] = [
  {
    of: 'request-line.md: Methods are tokens',
    reason: 'RFC 9110 §9.1: any token; Node has a list, the application decides here',
  },
  {
    of: 'pipelining.md: Each request starts',
    reason: 'bytes behind Connection: close are the business of our connection, not of the parser',
  },
]
