import { execFileSync } from 'node:child_process'

/** The cores that the runner may use; a server is started on one of them. */
export const CORES = process.env['CORES'] ?? '0,1'

/** For servers with threads: all of them, and those to come, may run on every core. */
export function useAllCores() {
  execFileSync('taskset', ['--all-tasks', '--pid', '--cpu-list', CORES, String(process.pid)])
}
