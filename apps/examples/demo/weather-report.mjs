import { seattleWeather } from './data.mjs'

/** The sections of a report on the weather of Seattle, each worked out when it is reached. */
export async function* reportSections() {
  const days = []
  for await (const day of seattleWeather()) days.push(day)
  yield { title: 'Year by year', lines: yearByYear(days) }
  yield { title: 'Rain in a month, mean of four years', lines: rainByMonth(days) }
  yield { title: 'Kinds of day', lines: kindsOfDay(days) }
  yield { title: 'Days to remember', lines: daysToRemember(days) }
}

function* yearByYear(days) {
  yield 'year   wet days   rain      mean high   mean low'
  for (const [year, group] of groupBy(days, ({ date }) => date.slice(0, 4))) {
    const wet = group.filter(({ rain }) => rain > 0).length
    const rain = sum(group, 'rain').toFixed(0)
    const [high, low] = ['warmest', 'coldest'].map((key) => (sum(group, key) / group.length).toFixed(1))
    yield `${year}   ${wet.toString().padStart(8)}   ${rain.padStart(4)} mm   ${high.padStart(6)} °C   ${low.padStart(5)} °C`
  }
}

function* rainByMonth(days) {
  for (const [month, group] of groupBy(days, ({ date }) => date.slice(5, 7))) {
    const rain = sum(group, 'rain') / 4
    const name = new Date(2012, Number(month) - 1).toLocaleString('en', { month: 'short' })
    yield `${name} ${bar(rain / 200, 30)} ${rain.toFixed(0).padStart(4)} mm`
  }
}

function* kindsOfDay(days) {
  const kinds = [...groupBy(days, ({ sky }) => sky)].sort(([, a], [, b]) => b.length - a.length)
  for (const [kind, group] of kinds) {
    yield `${kind.padEnd(8)} ${bar(group.length / days.length, 25)} ${((100 * group.length) / days.length).toFixed(0).padStart(3)} %`
  }
}

function* daysToRemember(days) {
  const most = (key, sign = 1) => days.reduce((best, day) => (sign * day[key] > sign * best[key] ? day : best))
  const [wettest, warmest, coldest] = [most('rain'), most('warmest'), most('coldest', -1)]
  yield `wettest   ${wettest.date}   ${wettest.rain} mm`
  yield `warmest   ${warmest.date}   ${warmest.warmest} °C`
  yield `coldest   ${coldest.date}   ${coldest.coldest} °C`
}

const bar = (share, width) => '█'.repeat(Math.round(share * width)).padEnd(width, '·')
const sum = (records, key) => records.reduce((total, record) => total + record[key], 0)

function groupBy(records, keyOf) {
  const groups = new Map()
  for (const record of records) {
    const key = keyOf(record)
    if (!groups.has(key)) groups.set(key, [])
    groups.get(key).push(record)
  }
  return groups
}
