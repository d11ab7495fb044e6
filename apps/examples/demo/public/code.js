// Server code beside each stream: the very file that the server runs, with a little colour.

const TOKENS =
  /(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)|(?<string>'[^'\n]*'|`[^`]*`)|(?<keyword>\b(?:import|export|default|from|const|let|for|of|if|await|async|function|yield|return|new|try|finally)\b\*?)|(?<number>\b\d[\d_]*\b)|(?<call>[\w$]+(?=\())/g

/** Writes `source` into `target` as spans. */
export function highlight(target, source) {
  target.textContent = ''
  let end = 0
  for (const match of source.matchAll(TOKENS)) {
    target.append(source.slice(end, match.index))
    const [kind] = Object.entries(match.groups).find(([, text]) => text !== undefined)
    const span = document.createElement('span')
    span.className = kind
    span.textContent = match[0]
    target.append(span)
    end = match.index + match[0].length
  }
  target.append(source.slice(end))
}

/** Fills a `<figure class="code">`: the file's name, its text, and a line for the terminal. */
export async function showCode(figure) {
  const { source, curl, static: fixed } = figure.dataset
  if (fixed) {
    figure.prepend(caption(fixed, 'a whole server'))
    const code = figure.querySelector('code')
    return highlight(code, code.textContent)
  }

  const code = document.createElement('code')
  const pre = document.createElement('pre')
  pre.tabIndex = 0
  pre.setAttribute('aria-label', `Source of routes/${source}.mjs`)
  pre.append(code)
  figure.append(caption(`routes/${source}.mjs`, 'as the server runs it'), pre, terminal(curl))

  const response = await fetch(`/source/${source}.mjs`)
  highlight(code, await response.text())
}

function caption(name, note) {
  const element = document.createElement('figcaption')
  const aside = document.createElement('span')
  aside.textContent = note
  element.append(name, aside)
  return element
}

function terminal(path) {
  const url = new URL(path, location.href).href
  const command = `curl -N ${url.includes('?') ? `'${url}'` : url}`
  const row = document.createElement('div')
  row.className = 'curl'
  const code = document.createElement('code')
  code.textContent = command
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = 'Copy'
  button.setAttribute('aria-label', `Copy: ${command}`)
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(command)
    button.textContent = 'Copied'
    setTimeout(() => (button.textContent = 'Copy'), 1500)
  })
  row.append(code, button)
  return row
}
