// What entry number `lsn` of a run with this `seed` says: appender and judge compute it, neither trusts the other.
export function contentOf(seed, lsn) {
  const payload = new Uint8Array((lsn * 37 + seed) % 300)
  for (let i = 0; i < payload.length; i++) payload[i] = (lsn * 31 + seed + i) & 0xff
  return { operation: 1 + ((lsn + seed) % 6), userId: `user-${lsn % 7}`, payload, sequence: lsn % 1000 }
}
