import { catzilla, csv, jsonl } from 'catzilla'
import { listening } from './listening.mjs'
import { rows } from './rows-content.mjs'

const app = catzilla()
app.get('/csv-rows', () => csv(rows()))
app.get('/json-rows', () => jsonl(rows()))

const address = await app.listen({ port: 0, host: '127.0.0.1' })
listening(address.port)
