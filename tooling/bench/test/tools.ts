import { execFile, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

export const benchFolder = join(import.meta.dirname, '..')

/** The tools are for Linux (epoll, schedstat) and are compiled where they run. */
export const supported =
  process.platform === 'linux' &&
  spawnSync(process.env['CXX'] ?? 'c++', ['--version'], { stdio: 'ignore' }).status === 0

/** Client and server want a core each. */
export const twoCores = availableParallelism() >= 2

export function buildTools() {
  const { status, stderr } = spawnSync(process.execPath, ['src/run.mjs', '--build'], {
    cwd: benchFolder,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
}

/** What a tool printed, and its status. */
export function runTool(tool: string, port: number, ...args: string[]) {
  const command = join(benchFolder, 'build', tool)
  return new Promise<{ failed: boolean; figures: Record<string, unknown>; stderr: string }>((resolve) => {
    execFile(command, ['--port', String(port), '--deadline', '10', ...args], (error, stdout, stderr) => {
      resolve({ failed: error !== null, figures: stdout === '' ? {} : JSON.parse(stdout), stderr })
    })
  })
}
