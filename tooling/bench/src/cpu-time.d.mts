/** Of all threads, and of all child processes: some servers have to be started by another program. */
export function cpuNs(pid: number | string): number

/** The same, once it rests. */
export function restingCpuNs(pid: number): Promise<number>

/** Of the main thread alone, which runs the loop. */
export function loopCpuNs(pid: number): number
