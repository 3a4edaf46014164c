/** `values` sorted, in a typed array of its own. */
export function sorted(values) {
  return Float64Array.from(values).sort()
}

/** The smallest value that at least `share` of the sorted values do not exceed. */
export function percentile(sortedValues, share) {
  return sortedValues[Math.max(0, Math.ceil(share * sortedValues.length) - 1)]
}

/** Where a latency curve is taken; raw/program.h has the same. */
const CURVE_SHARES = [0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999]

/**
 * Latencies, in the unit they were given in, under names that end in `unit`; `curve`: pairs of a share and the latency
 * that this share does not exceed.
 */
export function distribution(values, unit) {
  const all = sorted(values)
  return {
    [`p50${unit}`]: percentile(all, 0.5),
    [`p99${unit}`]: percentile(all, 0.99),
    [`p999${unit}`]: percentile(all, 0.999),
    [`max${unit}`]: all[all.length - 1],
    curve: CURVE_SHARES.map((share) => [share, percentile(all, share)])
  }
}

export function median(values) {
  const all = sorted(values)
  const middle = all.length >> 1
  return all.length % 2 === 1 ? all[middle] : (all[middle - 1] + all[middle]) / 2
}

/** Median, least and greatest of a few rounds; the median of an even number is the mean of the middle two. */
export function summary(values) {
  const all = sorted(values)
  return { median: median(all), min: all[0], max: all[all.length - 1] }
}

/** Several curves as one: the median at each share. */
export function medianCurve(curves) {
  return curves[0].map(([share], index) => [share, median(curves.map((curve) => curve[index][1]))])
}
