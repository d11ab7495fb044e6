// What runs in the worker of `workers.ts`.

export function* rows(count) {
  for (let i = 0; i < count; i++) yield `row ${i}\n`
}

/** Blocks of 4 KiB, each full of its number. */
export function* numbered(count) {
  for (let i = 0; i < count; i++) yield new Uint8Array(new Uint32Array(1024).fill(i).buffer)
}

/** The next item is there when the gate was raised. */
export async function* gated(gate) {
  for (let i = 0; i < 3; i++) {
    yield `item ${i}\n`
    while (Atomics.load(gate, 0) <= i) await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

export function* failing(count) {
  yield* rows(count)
  throw Object.assign(new Error('secret'), { code: 'E_SECRET' })
}

export function* endless(flags) {
  const item = 'x'.repeat(1023) + '\n'
  try {
    while (true) {
      Atomics.add(flags, 0, 1)
      yield item
    }
  } finally {
    Atomics.store(flags, 1, 1)
  }
}
