const KEPT = 10
const MOVE_MS = 3_000
const template = document.querySelector('template')
const panels = document.querySelector('.panels')

/** A list of what one client sees. The numbers of a channel's ids count up by one, so that it knows what is missing. */
function addPanel(id, title) {
  const panel = template.content.cloneNode(true).firstElementChild
  panel.id = id
  panel.querySelector('h2').textContent = title
  panels.append(panel)
  const counts = { events: 0, missing: 0, twice: 0 }
  let last

  function count() {
    for (const [name, value] of Object.entries(counts)) {
      const cell = panel.querySelector(`[data-value="${name}"]`)
      cell.textContent = value
      if (name !== 'events') cell.dataset.bad = value > 0
    }
  }

  return {
    panel,
    take({ data, lastEventId }) {
      const { from, text, tick } = JSON.parse(data)
      const number = Number(lastEventId.slice(lastEventId.lastIndexOf('.') + 1))
      counts.events++
      if (last !== undefined && number > last + 1) counts.missing += number - last - 1
      if (last !== undefined && number <= last) counts.twice++
      last = number
      const line = document.createElement('li')
      line.dataset.from = from
      const cells = [
        ['span', `#${number}`],
        ['b', from],
        ['span', text ?? `tick ${tick}`],
      ]
      for (const [tag, content] of cells) {
        const cell = document.createElement(tag)
        cell.textContent = content
        line.append(cell)
      }
      const list = panel.querySelector('ol')
      list.prepend(line)
      while (list.childElementCount > KEPT) list.lastElementChild.remove()
      count()
    },
    resync() {
      counts.missing++
      count()
    },
    state(name, text = name) {
      panel.dataset.state = name
      panel.querySelector('[data-text]').textContent = text
    },
  }
}

function listen(url, { take, resync, state }, text) {
  const source = new EventSource(url)
  source.addEventListener('open', () => state('open', text))
  source.addEventListener('error', () => state('connecting', 'coming back'))
  source.addEventListener('note', take)
  source.addEventListener('resync', resync)
  return source
}

const nodes = await (await fetch('/nodes')).json()

for (const { name, url } of nodes) {
  const view = addPanel(`node-${name}`, `Server ${name}`)
  listen(`${url}/events`, view, new URL(url).port)
  view.panel.querySelector('form').addEventListener('submit', async (event) => {
    event.preventDefault()
    const input = event.target.querySelector('input')
    const text = input.value
    input.value = ''
    await fetch(`${url}/publish?text=${encodeURIComponent(text)}`, { method: 'POST' })
  })
}

const traveller = addPanel('traveller', 'Traveller')
const note = document.createElement('p')
note.className = 'note'
note.textContent = 'Leaves one server in the middle, and asks the other for what came since.'
traveller.panel.querySelector('form').replaceWith(note)
let lastEventId = ''
let turn = 0
let source
function move() {
  source?.close()
  const { name, url } = nodes[turn++ % nodes.length]
  const take = (event) => {
    lastEventId = event.lastEventId
    traveller.take(event)
  }
  const query = lastEventId === '' ? '' : `?lastEventId=${encodeURIComponent(lastEventId)}`
  source = listen(`${url}/events${query}`, { ...traveller, take }, `on ${name}`)
}
move()
setInterval(move, MOVE_MS)

const redis = document.querySelector('#redis')
const buttons = { kill: document.querySelector('#kill'), start: document.querySelector('#start') }
for (const [action, button] of Object.entries(buttons)) {
  button.addEventListener('click', async () => {
    await fetch(`/redis/${action}`, { method: 'POST' })
    redis.dataset.state = action === 'kill' ? 'gone' : 'open'
    buttons.kill.hidden = action === 'kill'
    buttons.start.hidden = action === 'start'
  })
}
