import { randomUUID } from 'node:crypto'
import { HttpError } from 'catzilla'

const KEPT = 50

/** How an answer ended, in the words of a reader. */
const ENDS = {
  completed: 'finished',
  'client-abort': 'disconnected',
  'source-error': 'failed',
  timeout: 'failed',
  shutdown: 'shut down',
}

/**
 * The answers that are being given, and how the last ones ended: this is where Stop is told from a closed connection. To stop is a
 * request of its own, which ends the model's part, and the answer then ends by itself.
 */
export function keepAnswers() {
  const running = new Map()
  const ended = []

  /**
   * Gives the answer that `respond` makes. Its `signal` is for the model, which has nobody to write for once the reader has pressed
   * Stop or has left.
   *
   * @param {import('catzilla').ServerRequest} req
   * @param {(answer: import('./app.mjs').Answer) => unknown} respond
   * @param {string} [id] under which it can be stopped
   */
  async function give(req, respond, id = req.query.get('id') ?? randomUUID()) {
    if (running.has(id)) throw new HttpError(409, 'This answer is being given already', { expose: true })
    const began = performance.now()
    const asking = new AbortController()
    const answer = { id, signal: asking.signal, stopped: false, failure: undefined }
    const abort = () => asking.abort()
    const stop = () => {
      answer.stopped = true
      abort()
    }
    const finish = (outcome) => {
      abort() // A HEAD request ends before anything was read.
      running.delete(id)
      note(req, began, outcome, answer)
    }

    running.set(id, { id, path: req.path, stop })
    req.signal.addEventListener('abort', abort)
    try {
      const response = await respond(answer)
      return response.after(({ outcome }) => finish(outcome))
    } catch (error) {
      // There is no stream yet: the model was still to begin.
      if (answer.stopped) return finish('completed')
      finish(req.signal.aborted ? 'client-abort' : 'source-error')
      throw error
    }
  }

  /** Keeps how an answer ended. */
  function note(req, began, outcome, { id = req.query.get('id'), stopped = false, failure } = {}) {
    const end = outcome !== 'completed' ? ENDS[outcome] : stopped ? 'stopped' : failure ? 'failed' : 'finished'
    ended.unshift({ id, path: req.path, end, outcome, ms: Math.round(performance.now() - began) })
    if (ended.length > KEPT) ended.pop()
  }

  return {
    give,
    note,
    /** The reader pressed Stop. */
    stop(id) {
      const answer = running.get(id)
      if (answer === undefined) throw new HttpError(404)
      answer.stop()
    },
    list: () => ({ running: [...running.values()].map(({ id, path }) => ({ id, path })), ended }),
  }
}
