// Prints the C++ files of the addon, one a line, for binding.gyp. Tests, fuzz targets and benchmarks have their own programs.
const { readdirSync } = require('node:fs')
const { join } = require('node:path')

const root = join(__dirname, '..')
const skipped = new Set(['native/test', 'native/fuzz', 'native/bench'])

/** Files that compile on one system only. */
const systems = { 'native/net/epoll_transport.cc': 'linux' }

function nativeSources(dir = 'native') {
  return readdirSync(join(root, dir), { withFileTypes: true })
    .flatMap((entry) => {
      const path = `${dir}/${entry.name}` // gyp wants forward slashes on every system
      if (entry.isDirectory()) return skipped.has(path) ? [] : nativeSources(path)
      return path.endsWith('.cc') && (systems[path] ?? process.platform) === process.platform ? [path] : []
    })
    .sort()
}

module.exports = { nativeSources }
if (require.main === module) console.log(nativeSources().join('\n'))
