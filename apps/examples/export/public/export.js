const article = document.querySelector('#export')
const start = article.querySelector('[data-start]')
const cancel = article.querySelector('[data-cancel]')
const bar = article.querySelector('progress')
const status = article.querySelector('[data-status]')
const last = article.querySelector('[data-last]')
const number = new Intl.NumberFormat('en')

start.addEventListener('click', async () => {
  const leaving = new AbortController()
  cancel.onclick = () => leaving.abort()
  setState('running')
  const began = performance.now()
  let rows = -1 // The header is a record, too.
  try {
    const response = await fetch('/orders.csv', { signal: leaving.signal })
    const total = Number(response.headers.get('x-total-rows'))
    bar.max = total
    const decoder = new TextDecoder()
    for (const reader = response.body.getReader(); ;) {
      const { done, value } = await reader.read()
      if (done) break
      const text = decoder.decode(value, { stream: true })
      for (let at = 0; (at = text.indexOf('\r\n', at) + 1) > 0;) rows++
      bar.value = rows
      status.textContent = `${number.format(rows)} of ${number.format(total)} rows`
      last.textContent = text.trimEnd().split('\r\n').slice(-2).join('\n')
    }
    const seconds = (performance.now() - began) / 1000
    status.textContent = `${number.format(rows)} rows in ${seconds.toFixed(1)} s`
    setState('done')
  } catch (error) {
    status.textContent = leaving.signal.aborted
      ? `Cancelled after ${number.format(rows)} rows`
      : `Broken off: ${error.message}`
    setState(leaving.signal.aborted ? 'cancelled' : 'broken')
  }
})

function setState(state) {
  article.dataset.state = state
  start.disabled = state === 'running'
  cancel.disabled = state !== 'running'
}
