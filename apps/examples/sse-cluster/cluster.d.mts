export interface Cluster {
  readonly nodes: readonly { readonly name: string; readonly url: string }[]
  readonly redis: { readonly port: number; start(): Promise<void>; kill(): Promise<void> }
  close(): Promise<void>
}

export function startCluster(names?: readonly string[]): Promise<Cluster>
