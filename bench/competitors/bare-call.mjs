import { createRequire } from 'node:module'
import { BARE_CALL } from '../harness/native-programs.mjs'

export const name = 'bare-call'
export const durability = 'none: a native call with the arguments of append, which only copies them into memory'
export const jobs = ['append']

export async function open() {
  const { copy } = createRequire(import.meta.url)(BARE_CALL)
  let sequence = 0
  return {
    append: (userId, payload) => copy(2, userId, payload, ++sequence) > 0,
    durable: async () => undefined,
    drained: async () => undefined,
    syncs: () => 0,
    close: async () => undefined
  }
}
