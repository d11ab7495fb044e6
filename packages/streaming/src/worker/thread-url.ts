/** The program of a worker: beside this one, once both are built. */
export const THREAD_URL = new URL('./worker-thread.js', import.meta.url)
