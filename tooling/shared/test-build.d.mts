export function testModule(name: string): string
export default function setup(): Promise<void>
