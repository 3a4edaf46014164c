export const name = 'control'
export const durability = 'none: it does nothing, and shows what the loop itself costs'
export const jobs = ['bulk', 'append', 'service']

export async function open() {
  return {
    append: () => true,
    durable: async () => undefined,
    drained: async () => undefined,
    syncs: () => 0,
    close: async () => undefined
  }
}
