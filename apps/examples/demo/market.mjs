// A market that never closes: five prices that walk on at random from where the data set ends, with the volatility that it has.
import { setTimeout as sleep } from 'node:timers/promises'
import { stocks } from './data.mjs'

export const TICK_MS = 200

/** Ticks kept for those who come back: one minute. */
const KEPT = 60_000 / TICK_MS

/** From one month to one tick would hardly be seen; this many ticks make the movement of a month. */
const TICKS_A_MONTH = 900

/** @typedef {{ id: number, data: { time: number, prices: Record<string, number> } }} Tick an event for `sse()` */

export async function openMarket() {
  const companies = await readCompanies()
  /** @type {Tick[]} */
  const ticks = []
  const opened = Date.now() - KEPT * TICK_MS
  let latest = 0
  let line = 0

  /** Ticks are made when somebody looks, so a market without an audience costs nothing. */
  function catchUp() {
    for (const due = Math.floor((Date.now() - opened) / TICK_MS); latest < due;) {
      for (const company of companies) company.price *= Math.exp(company.volatility * normal())
      const prices = Object.fromEntries(companies.map(({ symbol, price }) => [symbol, Number(price.toFixed(2))]))
      ticks.push({ id: ++latest, data: { time: opened + latest * TICK_MS, prices } })
      if (ticks.length > KEPT) ticks.shift()
    }
    return latest
  }

  return {
    /**
     * Every tick behind `lastId`: first those that were missed (as far as they are kept), then each as it comes.
     *
     * @param {string | null} lastId as a client sends it; without it, from now on
     */
    async *follow(lastId) {
      const current = line
      const now = catchUp()
      const after = Number(lastId ?? now)
      // What is no number is no id of ours, and one from the future is from before a restart.
      let next = after >= 0 && after <= now ? after + 1 : now + 1
      while (line === current) {
        catchUp()
        next = Math.max(next, ticks[0].id)
        while (next <= latest) yield ticks[next++ - ticks[0].id]
        await sleep(TICK_MS)
      }
    },

    /** Ends the streams of all who follow, as a lost connection would. */
    hangUp() {
      line++
    },
  }
}

/** Last price and monthly volatility (standard deviation of the logarithmic return), scaled down to one tick. */
async function readCompanies() {
  /** @type {Map<string, number[]>} */
  const series = new Map()
  for await (const { symbol, price } of stocks()) series.set(symbol, [...(series.get(symbol) ?? []), price])
  return [...series].map(([symbol, prices]) => {
    const returns = prices.slice(1).map((price, i) => Math.log(price / prices[i]))
    const mean = returns.reduce((sum, x) => sum + x, 0) / returns.length
    const variance = returns.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (returns.length - 1)
    const price = prices[prices.length - 1]
    return { symbol, price, volatility: Math.sqrt(variance / TICKS_A_MONTH) }
  })
}

/** Box–Muller: a normally distributed number from two evenly distributed ones. */
function normal() {
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random())
}
