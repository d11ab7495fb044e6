// What runs in each worker of a pool.
import { runJobs } from './worker/jobs.ts'

runJobs()
