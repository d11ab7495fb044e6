import { packageBuild } from '../../tooling/shared/tsup.mjs'

export default packageBuild(process.cwd())
