import { expect, test } from 'vitest'
import { ByteBlock, toBytes } from '../src/byte-block.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)

test('a block joins what fits, in order', () => {
  const block = new ByteBlock(4, bytes(1))
  expect(block.tryAppend(bytes(2, 3))).toBe(true)
  expect(block.tryAppend(bytes(4))).toBe(true)
  expect(block.bytes()).toEqual(bytes(1, 2, 3, 4))
})

test('a block refuses what does not fit, and stays as it is', () => {
  const block = new ByteBlock(4, bytes(1, 2))
  expect(block.tryAppend(bytes(3, 4, 5))).toBe(false)
  expect(block.bytes()).toEqual(bytes(1, 2))
})

test('a block keeps what it was given when the source changes its buffer', () => {
  const reused = bytes(1)
  const block = new ByteBlock(4, reused)
  reused[0] = 2
  block.tryAppend(reused)
  expect(block.bytes()).toEqual(bytes(1, 2))
})

test('toBytes shows the bytes under any view, without a copy', () => {
  const { buffer } = bytes(1, 2, 3, 4, 5, 6)
  for (const view of [new DataView(buffer, 2, 2), new Uint16Array(buffer, 2, 1), new Int8Array(buffer, 2, 2)]) {
    expect(toBytes(view)).toEqual(bytes(3, 4))
    expect(toBytes(view).buffer).toBe(buffer)
  }
})
