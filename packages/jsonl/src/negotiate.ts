import { show } from '@catzilla/streaming/format'
import { jsonlError } from './errors.ts'
import { MEDIA_TYPES, type Frame } from './frames.ts'

/** A frame under the name that the client knows it by. */
export interface Chosen {
  readonly frame: Frame
  readonly mediaType: string
}

interface Range {
  readonly type: string
  readonly quality: number
}

/**
 * The frame that a client prefers; of those that it likes equally, the first of the list.
 *
 * @throws {TypeError} `CZ_JSONL_ACCEPT` (status 406) where it takes none.
 * @see RFC 9110 §12.5.1
 */
export function negotiate(accept: string | null, frames: readonly Frame[]): Chosen {
  const ranges = parseAccept(accept ?? '*/*')
  let best: Chosen | undefined
  let bestQuality = 0
  for (const frame of frames) {
    for (const mediaType of MEDIA_TYPES[frame]) {
      const quality = qualityOf(mediaType, ranges)
      if (quality <= bestQuality) continue
      best = { frame, mediaType }
      bestQuality = quality
    }
  }
  if (best !== undefined) return best
  const types = frames.map((frame) => MEDIA_TYPES[frame][0]).join(', ')
  throw jsonlError('CZ_JSONL_ACCEPT', `The client accepts none of ${types} (it sent Accept: ${show(accept)})`)
}

function parseAccept(accept: string): Range[] {
  return accept.split(',').flatMap((part) => {
    const [type, ...parameters] = part.split(';').map((each) => each.trim().toLowerCase())
    if (type === undefined || type === '') return []
    const weight = parameters.find((parameter) => /^q\s*=/.test(parameter))
    const quality = weight === undefined ? 1 : Number(weight.slice(weight.indexOf('=') + 1))
    return { type, quality: quality >= 0 && quality <= 1 ? quality : 0 }
  })
}

/** The most specific range decides, whatever the weights of the others. */
function qualityOf(mediaType: string, ranges: readonly Range[]): number {
  const group = `${mediaType.split('/')[0]}/*`
  for (const name of [mediaType, group, '*/*']) {
    const found = ranges.filter(({ type }) => type === name)
    if (found.length > 0) return Math.max(...found.map(({ quality }) => quality))
  }
  return 0
}
