// Express with the adapter of @catzilla/streaming.
import { streaming } from '@catzilla/streaming/express'
import { csv, jsonl } from 'catzilla'
import express from 'express'
import { listening } from './listening.mjs'
import { rows } from './rows-content.mjs'

const app = express()
app.use(streaming())
app.get('/csv-rows', (req, res) => res.stream(csv(rows())))
app.get('/json-rows', (req, res) => res.stream(jsonl(rows())))

const server = app.listen(0, '127.0.0.1', () => listening(server.address().port))
