const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })

export const count = (n) => whole.format(n)

export function bytes(n) {
  if (n < 1000) return `${whole.format(n)} B`
  if (n < 1e6) return `${(n / 1e3).toFixed(n < 1e4 ? 1 : 0)} kB`
  if (n < 1e9) return `${(n / 1e6).toFixed(n < 1e8 ? 1 : 0)} MB`
  return `${(n / 1e9).toFixed(2)} GB`
}

export const mebibytes = (n) => `${(n / 2 ** 20).toFixed(1)} MiB`

export function duration(ms) {
  if (ms === null || ms === undefined) return '–'
  if (ms < 10) return `${ms.toFixed(1)} ms`
  if (ms < 1000) return `${ms.toFixed(0)} ms`
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}

export function rate(perSecond) {
  if (perSecond < 100) return perSecond.toFixed(1)
  return whole.format(perSecond)
}
