// What a user's bundler, type checker and Node will make of the package in the working directory: publint and attw on its tarball.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pack } from './pack.mjs'

const destination = mkdtempSync(join(tmpdir(), 'catzilla-pack-'))
process.on('exit', () => rmSync(destination, { recursive: true, force: true }))

const tarball = pack(process.cwd(), destination, { scripts: false })
check('publint', ['--strict', tarball])
// node16 and bundlers; the old `node10` algorithm knows no subpath exports.
check('attw', ['--profile', 'node16', '--format', 'ascii', '--no-emoji', tarball])

function check(tool, args) {
  const { status, stdout, stderr } = spawnSync(tool, args, { encoding: 'utf8', shell: process.platform === 'win32' })
  if (status === 0) return console.log(`${tool}: clean`)
  console.error(`${stdout}${stderr}`)
  process.exit(1)
}
