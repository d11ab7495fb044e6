// Which backend an engine gets.
import { createEngine } from '@catzilla/core-native'
import { afterEach, expect, test, vi } from 'vitest'

const BACKENDS = process.platform === 'linux' ? ['epoll', 'uv'] : ['uv']

afterEach(() => {
  vi.unstubAllEnvs()
})

function backendOf(wanted: string | undefined): string {
  vi.stubEnv('CATZILLA_BACKEND', wanted)
  const engine = createEngine({}, {} as never)
  engine.end()
  return engine.backend
}

test('the best backend of the system is taken, or the one that CATZILLA_BACKEND names', () => {
  expect(backendOf(undefined)).toBe(BACKENDS[0])
  expect(backendOf('')).toBe(BACKENDS[0])
  for (const name of BACKENDS) expect(backendOf(name)).toBe(name)
})

test('a backend that this system does not have is refused', () => {
  for (const name of ['EPOLL', 'io_uring', 'constructor', ...(process.platform === 'linux' ? [] : ['epoll'])]) {
    const message = new RegExp(`${BACKENDS.map((each) => `'${each}'`).join(' or ')}.*'${name}'`)
    expect(() => backendOf(name)).toThrow(
      expect.objectContaining({ code: 'CZ_NATIVE_BACKEND', message: expect.stringMatching(message) }),
    )
  }
})
