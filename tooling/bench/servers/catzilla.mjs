import { catzilla } from 'catzilla'
import { HELLO, first, items } from './content.mjs'
import { listening } from './listening.mjs'

const app = catzilla()

app.get('/hello', () => HELLO)
app.get('/first-byte', first)
app.get('/items', items)

const address = await app.listen({ port: 0, host: '127.0.0.1' })
listening(address.port)
