// Real data, read from the files of the `vega-datasets` package only when a route asks for it, and line by line.
import { open } from 'node:fs/promises'

const folder = new URL('../data/', import.meta.resolve('vega-datasets'))

/** For those who send a file as it is. */
export const files = { zipcodes: new URL('zipcodes.csv', folder) }

/** How many records the long data sets have, for a progress bar that knows where it is going. */
export const totals = { zipcodes: 42_049, earthquakes: 1_707 }

/** Every postal code of the United States, from the north-east to Alaska (GeoNames, CC BY 4.0). */
export async function* zipcodes() {
  for await (const line of linesOf('zipcodes.csv')) {
    const [zip, latitude, longitude, city, state, county] = line.split(',')
    if (zip === 'zip_code') continue
    yield { zip, city, state, county, latitude: Number(latitude), longitude: Number(longitude) }
  }
}

/** One week of the world's earthquakes (USGS, public domain). The file is GeoJSON with one feature a line. */
export async function* earthquakes() {
  for await (const line of linesOf('earthquakes.json')) {
    const { properties, geometry } = JSON.parse(
      line.slice(line.indexOf('{"type":"Feature",'), line.lastIndexOf('"}') + 2),
    )
    const [longitude, latitude, depth] = geometry.coordinates
    const time = new Date(properties.time)
    yield { time, place: properties.place, magnitude: properties.mag, depth_km: depth, latitude, longitude }
  }
}

/** Daily weather of Seattle from 2012 to 2015 (NOAA). */
export async function* seattleWeather() {
  for await (const line of linesOf('seattle-weather.csv')) {
    const [date, rain, warmest, coldest, , sky] = line.split(',')
    if (date === 'date') continue
    yield { date, rain: Number(rain), warmest: Number(warmest), coldest: Number(coldest), sky }
  }
}

/** Monthly prices of five companies from 2000 to 2010. */
export async function* stocks() {
  for await (const line of linesOf('stocks.csv')) {
    const [symbol, month, price] = line.split(',')
    if (symbol !== 'symbol') yield { symbol, month, price: Number(price) }
  }
}

/** The file is closed when the reader stops, wherever that is. */
async function* linesOf(name) {
  const file = await open(new URL(name, folder))
  try {
    for await (const line of file.readLines()) if (line !== '') yield line
  } finally {
    await file.close()
  }
}
