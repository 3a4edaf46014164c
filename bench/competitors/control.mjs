export const name = 'control'
export const durability = 'none: it does nothing, and shows what the loop itself costs'
export const jobs = ['bulk', 'append', 'service', 'lane']

export async function open() {
  return {
    append: () => true,
    durable: async () => undefined,
    drained: async () => undefined,
    syncs: () => 0,
    close: async () => undefined
  }
}

export async function openLane() {
  return { user: (userId) => userId, ...(await open()) }
}
