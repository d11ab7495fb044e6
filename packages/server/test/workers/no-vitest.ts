// In the place of vitest, for cases of the contract that are run in a worker up to where they serve. Handlers assert little.
const nothing = () => {}

export { nothing as afterAll, nothing as describe, nothing as test }

export function expect(actual: unknown) {
  return {
    toThrow(part: string) {
      try {
        ;(actual as () => void)()
      } catch (error) {
        if ((error as Error).message.includes(part)) return
      }
      throw new Error(`nothing threw "${part}"`)
    },
  }
}
