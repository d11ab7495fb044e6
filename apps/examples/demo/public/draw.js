// Small drawings on canvas. Each knows its data and can be painted again at any size and in any colours.

const FONT = () => `11.5px ${getComputedStyle(document.body).fontFamily}`

const probe = document.createElement('i')
const colors = new Map()

/** The colour that a custom property of the style sheet has now. */
function color(name) {
  if (!colors.has(name)) {
    if (!probe.isConnected) document.body.append(probe)
    probe.hidden = true
    probe.style.color = `var(--${name})`
    colors.set(name, getComputedStyle(probe).color)
  }
  return colors.get(name)
}

const drawings = new Set()

/** To be called when the colours change. */
export function repaintAll() {
  colors.clear()
  for (const drawing of drawings) drawing.resized()
}

const resizes = new ResizeObserver((entries) => {
  for (const { target } of entries) target.drawing.resized()
})

class Drawing {
  constructor(canvas) {
    this.canvas = canvas
    this.context = canvas.getContext('2d')
    canvas.drawing = this
    drawings.add(this)
    resizes.observe(canvas)
  }

  /** Sets the canvas to its size in device pixels, which also clears it, and paints again. */
  resized() {
    const { canvas, context } = this
    const ratio = devicePixelRatio
    this.width = canvas.clientWidth
    this.height = canvas.clientHeight
    canvas.width = Math.round(this.width * ratio)
    canvas.height = Math.round(this.height * ratio)
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    this.paint()
  }
}

/** Several series over the last minute, in per cent since the first point. */
export class PriceChart extends Drawing {
  ticks = []
  #base
  #low = -1
  #high = 1

  constructor(canvas, { windowMs, tickMs }) {
    super(canvas)
    this.windowMs = windowMs
    this.tickMs = tickMs
  }

  add(tick) {
    this.#base ??= tick.prices
    const changes = Object.entries(tick.prices).map(([symbol, price]) => (100 * price) / this.#base[symbol] - 100)
    this.ticks.push({ time: tick.time, changes })
    while (this.ticks[0].time < tick.time - this.windowMs - 2 * this.tickMs) this.ticks.shift()
  }

  /** @param {number} [now] right edge, on the server's clock */
  paint(now = this.ticks.at(-1)?.time) {
    const { context, width, height, ticks } = this
    if (!width || ticks.length === 0) return
    const [left, right, top, bottom] = [6, width - 52, 8, height - 22]
    context.clearRect(0, 0, width, height)
    this.#fit()
    const x = (time) => right - ((now - time) / this.windowMs) * (right - left)
    const y = (change) => bottom - ((change - this.#low) / (this.#high - this.#low)) * (bottom - top)

    this.#grid(x, y, { now, left, right, bottom })
    context.save()
    context.beginPath()
    context.rect(left, 0, right - left, height)
    context.clip()
    context.lineWidth = 1.75
    context.lineJoin = 'round'
    ticks[0].changes.forEach((_, series) => {
      context.strokeStyle = color(`series-${series + 1}`)
      context.beginPath()
      for (const { time, changes } of ticks) context.lineTo(x(time), y(changes[series]))
      context.stroke()
    })
    context.restore()
  }

  /** The scale follows the data slowly, so that the lines move and not the grid. */
  #fit() {
    let [low, high] = [Infinity, -Infinity]
    for (const { changes } of this.ticks) {
      for (const change of changes) {
        if (change < low) low = change
        if (change > high) high = change
      }
    }
    const room = Math.max((high - low) * 0.08, 0.5)
    const far = low < this.#low || high > this.#high || this.#low === -1
    const ease = far ? 1 : 0.03
    this.#low += (low - room - this.#low) * ease
    this.#high += (high + room - this.#high) * ease
  }

  #grid(x, y, { now, left, right, bottom }) {
    const { context } = this
    const span = this.#high - this.#low
    const step = [0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500].find((size) => span / size <= 5) ?? 1000
    context.font = FONT()
    context.textBaseline = 'middle'
    context.textAlign = 'left'
    context.lineWidth = 1
    for (let value = Math.ceil(this.#low / step) * step; value <= this.#high; value += step) {
      const at = Math.round(y(value)) + 0.5
      context.strokeStyle = color('line')
      context.beginPath()
      context.moveTo(left, at)
      context.lineTo(right, at)
      context.stroke()
      context.fillStyle = color('muted')
      const digits = step < 1 ? 1 : 0
      context.fillText(`${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(digits)} %`, right + 8, at)
    }
    context.textAlign = 'center'
    for (let seconds = 10; seconds < this.windowMs / 1000; seconds += 10) {
      context.fillText(`−${seconds} s`, x(now - seconds * 1000), bottom + 14)
    }
  }
}

/** The contiguous United States, filled point by point. */
export class DotMap extends Drawing {
  #points = []
  #painted = 0
  #total

  constructor(canvas, { total }) {
    super(canvas)
    this.#total = total
  }

  clear() {
    this.#points = []
    this.resized()
  }

  add(latitude, longitude) {
    this.#points.push(project(latitude, longitude))
  }

  resized() {
    this.#painted = 0
    super.resized()
  }

  /** Paints what is new. */
  paint() {
    const { context, width, height } = this
    if (!width) return
    const [from, to] = [color('series-2'), color('accent-fill')]
    const scale = Math.min(width / 1.0, height / 0.62) * 0.95
    const size = Math.max(1, width / 560)
    for (; this.#painted < this.#points.length; this.#painted++) {
      const [east, north] = this.#points[this.#painted]
      const share = Math.round((100 * this.#painted) / this.#total)
      context.fillStyle = `color-mix(in oklch, ${from} ${100 - share}%, ${to})`
      context.fillRect(width / 2 + east * scale, height / 2 - north * scale, size, size)
    }
  }
}

/** Albers' equal-area conic projection with the usual parallels of the United States; about one unit wide. */
function project(latitude, longitude) {
  const radians = Math.PI / 180
  const [south, north, centre] = [29.5 * radians, 45.5 * radians, 37.8 * radians]
  const n = (Math.sin(south) + Math.sin(north)) / 2
  const c = Math.cos(south) ** 2 + 2 * n * Math.sin(south)
  const rho = (phi) => Math.sqrt(c - 2 * n * Math.sin(phi)) / n
  const theta = n * (longitude + 96) * radians
  const radius = rho(latitude * radians)
  return [radius * Math.sin(theta) * 1.32, (rho(centre) - radius * Math.cos(theta)) * 1.32]
}

const MOST_POINTS = 2_000

/** Quantities that only grow, over time: the first as an area, the second as a dashed line. */
export class GrowthChart extends Drawing {
  #series = [[], []]

  constructor(canvas, { x, y }) {
    super(canvas)
    this.labels = { x, y }
  }

  clear() {
    this.#series = [[[0, 0]], [[0, 0]]]
    this.paint()
  }

  add(series, ms, value) {
    const points = this.#series[series]
    points.push([ms, value])
    // A stream without end must not need memory without end.
    if (points.length > MOST_POINTS) this.#series[series] = points.filter((_, index) => index % 2 === 0)
  }

  paint() {
    const { context, width, height, labels } = this
    if (!width) return
    context.clearRect(0, 0, width, height)
    const ends = this.#series.map((points) => points.at(-1) ?? [0, 0])
    const longest = Math.max(100, ...ends.map(([ms]) => ms))
    const most = Math.max(1000, ...ends.map(([, value]) => value))
    const [top, bottom] = [22, height - 20]
    const x = (ms) => (ms / longest) * (width - 2) + 1
    const y = (value) => bottom - (value / most) * (bottom - top)

    context.lineWidth = 1
    context.strokeStyle = color('line')
    context.beginPath()
    for (const value of [0, most / 2, most]) {
      const at = Math.round(y(value)) + 0.5
      context.moveTo(0, at)
      context.lineTo(width, at)
    }
    context.stroke()

    const [read, sent] = this.#series
    if (read.length > 1) {
      context.beginPath()
      for (const [ms, value] of read) context.lineTo(x(ms), y(value))
      context.strokeStyle = color('accent-fill')
      context.lineWidth = 2
      context.lineJoin = 'round'
      context.stroke()
      context.lineTo(x(read.at(-1)[0]), bottom)
      context.lineTo(x(0), bottom)
      context.fillStyle = `color-mix(in srgb, ${color('accent-fill')} 14%, transparent)`
      context.fill()
    }
    if (sent.length > 1) {
      context.beginPath()
      for (const [ms, value] of sent) context.lineTo(x(ms), y(value))
      context.strokeStyle = color('series-2')
      context.lineWidth = 1.5
      context.setLineDash([5, 4])
      context.stroke()
      context.setLineDash([])
    }
    if (read.length < 2) return

    context.fillStyle = color('muted')
    context.font = FONT()
    context.textBaseline = 'alphabetic'
    context.textAlign = 'left'
    context.fillText(labels.y(most), 1, top - 7)
    context.fillText('0', 1, height - 4)
    context.textAlign = 'right'
    context.fillText(labels.x(longest), width - 1, height - 4)
  }
}

/** The last two minutes of a figure, without axes. */
export class Spark extends Drawing {
  #values = []

  constructor(canvas, { kept = 120, fromZero = true } = {}) {
    super(canvas)
    this.kept = kept
    this.fromZero = fromZero
  }

  add(value) {
    this.#values.push(value)
    if (this.#values.length > this.kept) this.#values.shift()
    this.paint()
  }

  paint() {
    const { context, width, height } = this
    const values = this.#values
    if (!width || values.length < 2) return
    context.clearRect(0, 0, width, height)
    const low = this.fromZero ? 0 : Math.min(...values) * 0.9
    const high = Math.max(...values, low + 1)
    const x = (index) => width - ((values.length - 1 - index) / (this.kept - 1)) * width
    const y = (value) => height - 2 - ((value - low) / (high - low)) * (height - 8)
    context.beginPath()
    values.forEach((value, index) => context.lineTo(x(index), y(value)))
    context.strokeStyle = color('accent-fill')
    context.lineWidth = 1.5
    context.stroke()
    context.lineTo(width, height)
    context.lineTo(x(0), height)
    context.fillStyle = `color-mix(in srgb, ${color('accent-fill')} 12%, transparent)`
    context.fill()
  }
}
