import { packageBuild } from '../../tooling/shared/tsup.mjs'

// The program of the workers is started by its URL, beside ours, and is no entry point for others.
export default packageBuild(process.cwd(), { 'worker-thread': 'src/worker-thread.ts' })
