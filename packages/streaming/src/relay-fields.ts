/** What of an upstream's head goes on to the client, and what it says of the body. */

interface HostGlobals {
  process?: { versions?: { readonly bun?: string; readonly undici?: string } }
  Deno?: unknown
}

// RFC 9110 §7.6.1: for one connection only. Those that `Connection` names, and `Proxy-…`, are left out beside them.
const HOP_BY_HOP = ['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade']
// They speak of the other server or of its site, and a client would take them for ours.
const OF_THE_OTHER_SERVER = ['date', 'server', 'alt-svc', 'strict-transport-security', 'nel', 'report-to']
const OF_THE_OTHER_SITE = ['reporting-endpoints', 'clear-site-data', 'set-cookie', 'set-cookie2']
const LEFT_OUT = new Set([...HOP_BY_HOP, ...OF_THE_OTHER_SERVER, ...OF_THE_OTHER_SITE])
const LEFT_OUT_FAMILIES = /^(?:proxy|access-control)-/

/** What was true of the coded body only (RFC 9110 §8.4, RFC 9530 §2). */
const OF_THE_CODED_BODY = new Set([
  'content-encoding',
  'content-length',
  'content-md5',
  'digest',
  'content-digest',
  'repr-digest',
])

/**
 * The fields that go on to the client.
 *
 * @internal
 */
export function fieldsToPass(headers: Iterable<readonly [string, string]>): [string, string][] {
  const given = new Map(headers)
  const forTheHop = new Set(listOf(given.get('connection')))
  const decoded = isDecoded(given.get('content-encoding'))
  const fields: [string, string][] = []
  for (const [name, value] of headers) {
    if (LEFT_OUT.has(name) || LEFT_OUT_FAMILIES.test(name) || forTheHop.has(name)) continue
    if (decoded && OF_THE_CODED_BODY.has(name)) continue
    fields.push([name, decoded && name === 'etag' ? weak(value) : value])
  }
  return fields
}

/**
 * Keeps proxies and middleware from collecting the events of a stream, as `sse()` does; what the upstream says besides stays.
 *
 * @internal
 */
export function keptLive(fields: readonly [string, string][]): [string, string][] {
  const given = new Map(fields)
  const control = given.get('cache-control') ?? 'no-store'
  const others = fields.filter(([name]) => name !== 'cache-control')
  const kept = /\bno-transform\b/i.test(control) ? control : `${control}, no-transform`
  const buffering: [string, string][] = given.has('x-accel-buffering') ? [] : [['x-accel-buffering', 'no']]
  return [...others, ['cache-control', kept], ...buffering]
}

/** @internal */
export function isEventStream(type: string | undefined): boolean {
  return type !== undefined && essenceOf(type) === 'text/event-stream'
}

// Registered trees for text, the structured suffixes of RFC 6839 and RFC 8091, and what is written under `application/`.
const TEXT =
  /^text\/|\+(?:json|xml|json-seq)$|^application\/(?:(?:x-)?(?:nd)?json|(?:x-)?jsonl(?:ines)?|json-seq|xml|(?:java|ecma)script|yaml)$/

/**
 * Whether a body of this type is text in UTF-8: other charsets have characters of their own.
 *
 * @internal
 */
export function isUtf8Text(type: string): boolean {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type)?.[1]?.toLowerCase() ?? 'utf-8'
  return TEXT.test(essenceOf(type)) && (charset === 'utf-8' || charset === 'utf8' || charset === 'us-ascii')
}

function essenceOf(type: string): string {
  return type.split(';', 1)[0]!.trim().toLowerCase()
}

function listOf(value: string | undefined): string[] {
  return value === undefined ? [] : value.split(',').map((item) => item.trim().toLowerCase())
}

/** `fetch()` decodes a body and leaves the field that names the coding. It leaves a body alone where it knows not all codings. */
function isDecoded(contentEncoding: string | undefined): boolean {
  const codings = listOf(contentEncoding)
  return codings.length > 0 && codings.every((coding) => decodedCodings().has(coding))
}

/** No runtime tells which codings its `fetch()` knows: these are what they decode (Node from 24 on has zstd, Deno no deflate). */
function decodedCodings(): ReadonlySet<string> {
  const { process, Deno } = globalThis as HostGlobals
  const { bun, undici = '' } = process?.versions ?? {}
  if (Deno !== undefined) return new Set(['gzip', 'x-gzip', 'br'])
  const codings = ['gzip', 'x-gzip', 'br', 'deflate']
  return new Set(bun === undefined && Number.parseInt(undici, 10) < 7 ? codings : [...codings, 'zstd'])
}

/** RFC 9110 §8.8.1: another coding is another representation, which a strong tag must not stand for. */
function weak(tag: string): string {
  return tag.startsWith('W/') ? tag : `W/${tag}`
}
