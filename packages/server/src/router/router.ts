import findMyWay from 'find-my-way'
import { serverError } from '../errors.ts'
import { parsePattern, type Pattern } from './pattern.ts'

export interface Match<Route> {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

/** The path has a percent-encoding that decodes to nothing: 400. */
export const MALFORMED = Symbol('malformed path')

const NO_PARAMS: Readonly<Record<string, string>> = Object.freeze(Object.create(null))

/** A tree takes methods of its own list alone; routes for any method stand in one, under a name from it. */
const ANY_METHOD = 'GET'

const MARKS = 1024

/**
 * Finds the route for a method and a path.
 *
 * Paths without a parameter lie in a map, which is faster than any tree and decides most requests. The tree behind it is
 * find-my-way's; nothing else in the package knows it.
 */
export class Router<Route> {
  private readonly byMethod = new Map<string, MethodRoutes<Route>>()
  private readonly anyMethod = new MethodRoutes<Route>()

  /**
   * @param method in upper case; `undefined` for any method that has no route of its own.
   * @throws `CZ_ROUTE_PATTERN`, and `CZ_ROUTE_DUPLICATE` for a second route that would match the very same requests.
   */
  add(method: string | undefined, pattern: string, route: Route): void {
    let routes = method === undefined ? this.anyMethod : this.byMethod.get(method)
    if (routes === undefined) this.byMethod.set(method!, (routes = new MethodRoutes()))
    if (routes.add(pattern, route)) return
    throw serverError('CZ_ROUTE_DUPLICATE', `There is already a route for ${method ?? 'any method on'} ${pattern}`)
  }

  /** The route that answers. HEAD is answered by the route of GET where it has none of its own. */
  find(method: string, path: string): Match<Route> | typeof MALFORMED | undefined {
    const own = this.byMethod.get(method)?.find(path)
    if (own !== undefined) return own
    return (method === 'HEAD' ? this.byMethod.get('GET')?.find(path) : undefined) ?? this.anyMethod.find(path)
  }

  /** The methods that have a route for this path, for `Allow`. */
  methodsOf(path: string): string[] {
    return withImplied([...this.byMethod].filter(([, routes]) => routes.find(path) !== undefined))
  }

  /** The methods that have a route at all. */
  methods(): string[] {
    return withImplied([...this.byMethod])
  }
}

class MethodRoutes<Route> {
  private readonly fixed = new Map<string, Match<Route>>()
  /** By `markOf()`: whether such a path can be among the fixed ones. */
  private readonly marks = new Uint8Array(MARKS)
  private readonly known = new Set<string>()
  private readonly tree = findMyWay({ onBadUrl: noHandler, maxParamLength: Number.MAX_SAFE_INTEGER })

  /** `false` for a duplicate. */
  add(path: string, route: Route): boolean {
    const pattern = parsePattern(path)
    const shape = shapeOf(pattern)
    if (this.known.has(shape)) return false
    this.known.add(shape)
    if (pattern.isStatic) {
      this.fixed.set(path, { route, params: NO_PARAMS })
      this.marks[markOf(path)] = 1
    }
    this.tree.on(ANY_METHOD, treePattern(pattern), noHandler, {
      route,
      wildcard: wildcardOf(pattern),
      names: paramNames(pattern),
    } satisfies Entry<Route>)
    return true
  }

  find(path: string): Match<Route> | typeof MALFORMED | undefined {
    const fixed = this.marks[markOf(path)] === 1 ? this.fixed.get(path) : undefined
    if (fixed !== undefined) return fixed
    if (!path.startsWith('/')) return undefined // `OPTIONS *`
    const found = this.tree.find(ANY_METHOD, path)
    if (found === null) return undefined
    if (found.store === null) return MALFORMED
    const { route, wildcard, names } = found.store as Entry<Route>
    const params = found.params as Record<string, string>
    for (const name of names) if (params[name] === '') return undefined // A segment that is not there.
    return { route, params: wildcard === undefined ? params : renameWildcard(params, wildcard) }
  }
}

/** Tells most paths from the fixed ones by length and last character: a map has to hash a string that is new each time. */
function markOf(path: string): number {
  const { length } = path
  return (length * 31 + path.charCodeAt(length - 1)) % MARKS
}

/** GET answers HEAD, and whatever answers anything answers OPTIONS. */
function withImplied(routes: readonly (readonly [method: string, routes: unknown])[]): string[] {
  const methods = new Set(routes.map(([method]) => method))
  if (methods.has('GET')) methods.add('HEAD')
  if (methods.size > 0) methods.add('OPTIONS')
  return [...methods].sort()
}

interface Entry<Route> {
  readonly route: Route
  /** The name of the wildcard where it has one; the tree calls each `*`. */
  readonly wildcard: string | undefined
  /** Parameters of one segment, which must not be empty; the tree would take them so. */
  readonly names: readonly string[]
}

function noHandler(): void {}

/** Equal for patterns that match the same paths. */
function shapeOf({ segments }: Pattern): string {
  return segments
    .map((each) => (each.kind === 'literal' ? `/${each.text}` : each.kind === 'param' ? '/:' : '/*'))
    .join('')
}

/** In the tree's own language a colon in a literal is doubled. */
function treePattern({ segments }: Pattern): string {
  return segments
    .map((each) => {
      if (each.kind === 'literal') return `/${each.text.replaceAll(':', '::')}`
      return each.kind === 'param' ? `/:${each.name}` : '/*'
    })
    .join('')
}

function paramNames({ segments }: Pattern): string[] {
  return segments.flatMap((each) => (each.kind === 'param' ? [each.name] : []))
}

function wildcardOf({ segments }: Pattern): string | undefined {
  const last = segments.at(-1)
  return last?.kind === 'wildcard' && last.name !== '*' ? last.name : undefined
}

function renameWildcard({ '*': rest, ...params }: Record<string, string>, name: string): Record<string, string> {
  return { ...params, [name]: rest! }
}
