import { afterEach, expect, test, vi } from 'vitest'
import { catzilla, type Logger } from '@catzilla/server'

const NATIVE = '../src/transport/native.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.doUnmock(NATIVE)
  vi.resetModules()
})

/** A copy of the package whose native engine does not load. */
async function withoutNative(): Promise<typeof catzilla> {
  vi.resetModules()
  vi.doMock(NATIVE, () => ({
    nativeTransport() {
      throw new Error('no prebuilt binary for plan9-mips')
    },
  }))
  return (await import('@catzilla/server')).catzilla
}

test('node:http serves where the native engine does not load, and the reason is logged once', async () => {
  const make = await withoutNative()
  const logger = { info: vi.fn<Logger['info']>(), warn: vi.fn<Logger['warn']>(), error: vi.fn<Logger['error']>() }
  for (let i = 0; i < 2; i++) {
    const app = make({ logger }).get('/', () => 'served')
    const { transport, url } = await app.listen({ host: '127.0.0.1' })
    expect([transport, await (await fetch(url)).text()]).toEqual(['node', 'served'])
    await app.close()
  }
  expect(logger.warn.mock.calls).toEqual([[expect.stringContaining('node:http'), 'no prebuilt binary for plan9-mips']])
})

test('a native transport that is asked for by name is not replaced', async () => {
  const make = await withoutNative()
  await expect(make({ transport: 'native' }).listen()).rejects.toMatchObject({
    code: 'CZ_SERVER_TRANSPORT',
    cause: { message: 'no prebuilt binary for plan9-mips' },
  })
})

test('CATZILLA_TRANSPORT chooses where the app does not', async () => {
  vi.stubEnv('CATZILLA_TRANSPORT', 'node')
  const app = catzilla()
  expect((await app.listen({ host: '127.0.0.1' })).transport).toBe('node')
  await app.close()
  vi.stubEnv('CATZILLA_TRANSPORT', 'quic')
  await expect(catzilla().listen()).rejects.toMatchObject({ code: 'CZ_SERVER_TRANSPORT' })
  const forced = catzilla({ transport: 'node' })
  expect((await forced.listen({ host: '127.0.0.1' })).transport).toBe('node')
  await forced.close()
})

test('a backend of the native engine that this system does not have is refused, not replaced', async () => {
  vi.stubEnv('CATZILLA_BACKEND', 'kqueue')
  for (const options of [{ transport: 'native' }, {}] as const) {
    await expect(catzilla(options).listen()).rejects.toMatchObject({ code: 'CZ_NATIVE_BACKEND' })
  }
})

test('an app listens once, on a port of the system if it names none', async () => {
  const app = catzilla({ transport: 'node' })
  const address = await app.listen({ host: '127.0.0.1' })
  expect(address).toEqual({
    host: '127.0.0.1',
    port: expect.any(Number),
    url: `http://127.0.0.1:${address.port}`,
    transport: 'node',
  })
  await expect(app.listen()).rejects.toMatchObject({ code: 'CZ_SERVER_LISTENING' })
  await app.close()
})

test('without a host the app is reached on all interfaces, by the name localhost', async () => {
  const app = catzilla({ transport: 'node' }).get('/', () => 'here')
  const { url, port } = await app.listen()
  expect(url).toBe(`http://localhost:${port}`)
  expect(await (await fetch(url)).text()).toBe('here')
  expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('here')
  await app.close()
})

test('a port that is taken rejects, and the app can try another', async () => {
  const first = catzilla({ transport: 'node' })
  const { port } = await first.listen({ host: '127.0.0.1' })
  const second = catzilla({ transport: 'node' })
  await expect(second.listen({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  expect((await second.listen({ host: '127.0.0.1' })).port).not.toBe(port)
  await first.close()
  await second.close()
})

test('an app that never listened closes at once', async () => {
  await catzilla().close()
})
