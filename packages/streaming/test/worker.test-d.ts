import { StreamingResponse } from '@catzilla/streaming'
import { createWorkerPool, fromWorker, type WorkerPool, type WorkerSource } from '@catzilla/streaming/worker'
import { expectTypeOf, test } from 'vitest'

interface Rows {
  default(count: number): Generator<string>
  range(from: number, to: number): Generator<string>
  all(): Generator<string>
  readonly version: string
}

const url = new URL('./rows.js', import.meta.url)

test('a source from a worker is a source', () => {
  expectTypeOf(fromWorker(url)).toEqualTypeOf<WorkerSource>()
  void new StreamingResponse(fromWorker(url, { args: [1, 'two'], export: 'whatever' }), { contentType: 'text/csv' })
  expectTypeOf(createWorkerPool({ size: 2 })).toEqualTypeOf<WorkerPool>()
})

test('the type of a module checks the name and the arguments', () => {
  void fromWorker<Rows>(url, { args: [1] })
  void fromWorker<Rows>(url, { export: 'default', args: [1] })
  void fromWorker<Rows>(url, { export: 'range', args: [1, 2], pool: createWorkerPool() })
  void fromWorker<Rows>(url, { export: 'all' })

  // @ts-expect-error the default function needs an argument
  void fromWorker<Rows>(url)
  // @ts-expect-error it is a number
  void fromWorker<Rows>(url, { args: ['one'] })
  // @ts-expect-error that of `range` are two
  void fromWorker<Rows>(url, { export: 'range', args: [1] })
  // @ts-expect-error this is no function
  void fromWorker<Rows>(url, { export: 'version' })
  // @ts-expect-error and this does not exist
  void fromWorker<Rows>(url, { export: 'nothing' })
  // @ts-expect-error a misspelt option
  void fromWorker(url, { arguments: [1] })
})

test('a module without parameters needs no options', () => {
  void fromWorker<{ default(): Generator<string> }>(url)
})
