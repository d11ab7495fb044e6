import { WriteStatus, type NativeEngine } from '@catzilla/core-native'
import { describe, expect, onTestFinished, test } from 'vitest'
import { NativeSink } from '../src/transport/native-sink.ts'

/** A sink that has sent its head and one frame, and the frames behind that. */
function streamOf(contentLength?: number) {
  const written: unknown[] = []
  const engine = {
    start: () => WriteStatus.ok,
    write(_slot: number, _generation: number, frame: unknown) {
      written.push(frame)
      return WriteStatus.ok
    },
  } as unknown as NativeEngine
  const head = { status: 200, fields: [], contentLength, probe: ':\n\n', highWaterMark: 1024 }
  const sink = new NativeSink(engine, 0, 1, head, [])
  onTestFinished(() => sink.release())
  sink.write('first')
  return { sink, written }
}

describe('when the client closes its side', () => {
  test('a stream is probed at once', () => {
    const { sink, written } = streamOf()
    sink.halfClosed()
    expect(written).toEqual([':\n\n'])
  })

  test('nothing is added to a body of declared length', () => {
    const { sink, written } = streamOf(100)
    sink.halfClosed()
    expect(written).toEqual([])
  })
})
