import { expect, test } from 'vitest'
import { catzilla, HttpError } from '@catzilla/server'
import { DEFAULTS, resolveOptions } from '../src/options.ts'

const bad: Record<string, [options: object, message: RegExp]> = {
  'an unknown option': [{ bodylimit: 1 }, /"bodylimit".*known are .*bodyLimit/],
  'an unknown limit': [{ limits: { maxHeaders: 1 } }, /"maxHeaders".*known are .*maxFields/],
  'an unknown transport': [{ transport: 'quic' }, /'native' or 'node' \(got "quic"\)/],
  'a body limit of 0': [{ bodyLimit: 0 }, /bodyLimit .*above 0 \(got 0\)/],
  'a limit that is no number': [{ limits: { stallMs: '60s' } }, /limits\.stallMs .*\(got "60s"\)/],
}
for (const [what, [options, message]] of Object.entries(bad)) {
  test(`${what} is refused by name`, () => {
    const make = () => catzilla(options)
    expect(make).toThrow(expect.objectContaining({ code: 'CZ_SERVER_OPTION', message: expect.stringMatching(message) }))
    expect(make).toThrow(TypeError)
  })
}

test('an impossible place to listen at is refused', async () => {
  for (const init of [{ port: -1 }, { port: 65_536 }, { port: 1.5 }, { prot: 80 }]) {
    await expect(catzilla().listen(init)).rejects.toMatchObject({ code: 'CZ_SERVER_OPTION' })
  }
})

test('an HttpError needs a status of an error, and fields that can be sent', () => {
  for (const status of [200, 399, 600, 404.5]) {
    expect(() => new HttpError(status)).toThrow(expect.objectContaining({ code: 'CZ_SERVER_OPTION' }))
  }
  const split = () => new HttpError(404, '', { headers: { 'x-a': 'b\r\nc: d' } })
  expect(split).toThrow(expect.objectContaining({ code: 'CZ_HEAD_FIELD' }))
})

test('an HttpError has the reason phrase as its message, and keeps its cause', () => {
  const cause = new Error('below')
  expect(new HttpError(404)).toMatchObject({ message: 'Not Found', status: 404, expose: false, name: 'HttpError' })
  expect(new HttpError(503, undefined, { cause }).cause).toBe(cause)
  expect('cause' in new HttpError(503)).toBe(false)
})

test('what is given as undefined is the default', () => {
  const { logger, limits } = resolveOptions({ logger: undefined, limits: { stallMs: undefined } } as never)
  expect(logger).toBe(DEFAULTS.logger)
  expect(limits).toEqual(DEFAULTS.limits)
})
