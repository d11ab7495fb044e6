import { show, streamError } from '../errors.ts'
import { defined, rejectUnknown } from '../option-checks.ts'
import { JOIN, type ItemIterator } from '../source.ts'
import { defaultPool, poolOf, type WorkerPool } from './pool.ts'
import { WorkerRun } from './run.ts'

/** Bytes that a generator in a worker produces, frame by frame: a source like any other. */
export interface WorkerSource extends AsyncIterable<Uint8Array> {}

/** A function of a module, by name, and its arguments: what the module's type says, where it is given. */
export type WorkerCall<Module> = string extends keyof Module
  ? { readonly export?: string; readonly args?: readonly unknown[] }
  : {
      [Name in keyof Module]: Module[Name] extends (...args: infer Args) => unknown
        ? (Name extends 'default' ? { readonly export?: Name } : { readonly export: Name }) &
            ([] extends Args ? { readonly args?: Readonly<Args> } : { readonly args: Readonly<Args> })
        : never
    }[keyof Module]

export interface WorkerSourceOptions {
  /** @defaultValue one pool for the whole process, made when it is first needed */
  readonly pool?: WorkerPool
}

/** An untyped module. */
type Unknown = Readonly<Record<string, unknown>>

const KNOWN = Object.freeze({ export: true, args: true, pool: true })

/**
 * A source that runs in a worker, so that what it computes does not hold up the loop: a function of a module, named by the
 * module's URL, is called there with these arguments. It gives what a stream may be made from: a (sync or async) generator of
 * text or bytes, say, or a whole response, such as that of `csv()`, whose body is taken.
 *
 * What it yields is encoded and joined into frames in the worker, and comes through a ring of fixed size: when the client does
 * not read, the ring is full, and the generator waits. A client that leaves ends it, and its `finally` runs; what it throws is
 * thrown here. Each time that the source is read, the function is called anew.
 *
 * @param module URL of the module: `new URL('./rows.js', import.meta.url)`.
 * @param options `export`: name of the function, `default` unless said; `args`: what can be cloned (structured clone);
 * `pool`: where it runs.
 * @throws {TypeError} `CZ_STREAM_OPTION`
 *
 * @example
 * ```ts
 * app.get('/report', () => new StreamingResponse(
 *   fromWorker<typeof import('./report.js')>(new URL('./report.js', import.meta.url), { args: [2026] }),
 *   { contentType: 'text/csv; charset=utf-8' },
 * ))
 * ```
 */
export function fromWorker<Module extends object = Unknown>(
  module: URL | string,
  ...[options]: WorkerOptions<Module>
): WorkerSource {
  const url = checkUrl(module)
  const given = options ?? {}
  rejectUnknown(given, KNOWN, (message) => streamError('CZ_STREAM_OPTION', message))
  const {
    export: name = 'default',
    args = [],
    pool,
  } = defined(given) as {
    export?: string
    args?: readonly unknown[]
    pool?: WorkerPool
  }
  if (typeof name !== 'string') throw streamError('CZ_STREAM_OPTION', `export is a name (got ${show(name)})`)
  if (!Array.isArray(args)) throw streamError('CZ_STREAM_OPTION', `args is an array (got ${show(args)})`)
  const start = () => new WorkerRun(pool === undefined ? defaultPool() : poolOf(pool), url, name, args)
  return {
    [JOIN]: (): ItemIterator => start(),
    [Symbol.asyncIterator]: () => asyncIterator(start()),
  } as WorkerSource
}

type WorkerOptions<Module> =
  Record<never, never> extends WorkerCall<Module>
    ? [options?: WorkerCall<Module> & WorkerSourceOptions]
    : [options: WorkerCall<Module> & WorkerSourceOptions]

function checkUrl(module: unknown): string {
  if (module instanceof URL) return module.href
  if (typeof module === 'string' && URL.canParse(module)) return module
  const cure = "such as new URL('./rows.js', import.meta.url)"
  throw streamError('CZ_STREAM_OPTION', `The module of a worker is named by its URL, ${cure} (got ${show(module)})`)
}

/** For those who read it without a pump. */
function asyncIterator(run: WorkerRun): AsyncIterator<Uint8Array> {
  return {
    next: async () => run.next(),
    return: async () => {
      await run.return()
      return { done: true, value: undefined }
    },
  }
}
