// What entry number `lsn` of a run with this `seed` says: appender and judge compute it, neither trusts the other. Every third
// one is a measurement of numbers alone; `payload` is then what docs/format.md says that its bytes are.
export function contentOf(seed, lsn) {
  const userId = `user-${lsn % 7}`
  const sequence = lsn % 1000
  if ((lsn + seed) % 3 === 0) return { operation: 2, userId, sequence, ...measurementOf(seed, lsn) }
  const payload = new Uint8Array((lsn * 37 + seed) % 300)
  for (let i = 0; i < payload.length; i++) payload[i] = (lsn * 31 + seed + i) & 0xff
  return { operation: 1 + ((lsn + seed) % 6), userId, payload, sequence, measurement: undefined }
}

function measurementOf(seed, lsn) {
  const measurement = { timestamp: lsn * 1000, value: seed / lsn, buffer: lsn % 5, source: lsn % 2, position: lsn }
  const payload = new Uint8Array(measurement.source === 0 ? 24 : 40)
  const view = new DataView(payload.buffer)
  view.setUint8(0, 0xa2)
  view.setUint32(4, measurement.buffer, true)
  view.setFloat64(8, measurement.timestamp, true)
  view.setFloat64(16, measurement.value, true)
  if (measurement.source === 0) return { measurement, payload }
  view.setUint8(1, 1)
  view.setUint32(24, measurement.source, true)
  view.setFloat64(32, measurement.position, true)
  return { measurement, payload }
}
