// Makes docs/errors.md from the tables in packages/*/src/errors.ts and the errors.ts of folders below; with --check it only says whether the file is current.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { format } from 'prettier'
import { globSync } from './files.mjs'
import { root, workspacePackages } from '../shared/workspace.mjs'

const ENTRY =
  /\/\*\* (?<about>.+?) \*\/\n\s+(?<code>CZ_[A-Z_]+): \{ base: (?<base>\w+)(?:, status: (?<status>\w+))? \}/g
const CODE = /^\s+CZ_[A-Z_]+: \{/gm
const target = join(root, 'docs/errors.md')

const sections = workspacePackages().flatMap(({ dir, manifest }) => {
  const files = globSync(join(relative(root, dir), 'src'), /^errors\.ts$/)
  // The package's own table comes first.
  const source = files
    .sort((a, b) => a.length - b.length)
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')
  const entries = [...source.matchAll(ENTRY)].map(({ groups }) => groups)
  if (entries.length !== (source.match(CODE) ?? []).length)
    throw new Error(`${manifest.name}: a code without a description`)
  if (entries.length === 0) return []
  const rows = entries.map(({ code, base, status, about }) => {
    return `| \`${code}\` | ${base} | ${status === undefined || status === 'undefined' ? '' : status} | ${about} |`
  })
  return [
    `## ${manifest.name}\n\n| code | class | status | what it means |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`,
  ]
})

const text = await format(
  `# Errors

Every error has a \`code\` that does not change: match on it, and not on the message or the class. \`status\` is the answer where a client
caused the error. Made by \`node tooling/scripts/errors-doc.mjs\`.

${sections.join('\n')}`,
  { parser: 'markdown', printWidth: 120, proseWrap: 'preserve' },
)

if (!process.argv.includes('--check')) {
  writeFileSync(target, text)
} else if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
  console.error('docs/errors.md is not current: run node tooling/scripts/errors-doc.mjs')
  process.exit(1)
}
