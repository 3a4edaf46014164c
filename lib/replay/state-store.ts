/** Where the states of users live while the service runs. The log keeps them too: it is what recovery reads. */

/**
 * A place for states. The log stays the truth: after a crash `set` is called again with what the log says. `get` is
 * asked where the log knows no state of a user.
 */
export interface StateStore<State> {
  get(userId: string): State | undefined | Promise<State | undefined>
  set(userId: string, state: State): void | Promise<void>
  /** All states, for services that list them. */
  entries?(): Iterable<[string, State]>
}

/** The embedded default: states in memory, restored from the log. */
export class MemoryStateStore<State> implements StateStore<State> {
  readonly #states = new Map<string, State>()

  get(userId: string): State | undefined {
    return this.#states.get(userId)
  }

  set(userId: string, state: State): void {
    this.#states.set(userId, state)
  }

  entries(): Iterable<[string, State]> {
    return this.#states.entries()
  }
}
