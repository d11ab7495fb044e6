// catzilla with generators that run in workers.
import { StreamingResponse, catzilla } from 'catzilla'
import { createWorkerPool, fromWorker } from '@catzilla/streaming/worker'
import { useAllCores } from './all-cores.mjs'
import { HELLO } from './content.mjs'
import { listening } from './listening.mjs'

useAllCores()
const CONTENT = new URL('./content.mjs', import.meta.url)
const pool = createWorkerPool({ size: 1 })
const app = catzilla()

app.get('/hello', () => HELLO)
app.get('/items', () => new StreamingResponse(fromWorker(CONTENT, { export: 'items', pool })))
app.get('/busy', () => new StreamingResponse(fromWorker(CONTENT, { export: 'busy', pool })))

const address = await app.listen({ port: 0, host: '127.0.0.1' })
listening(address.port)
