/** `values` sorted, in a typed array of its own. */
export function sorted(values) {
  return Float64Array.from(values).sort()
}

/** The smallest value that at least `share` of the sorted values do not exceed. */
export function percentile(sortedValues, share) {
  return sortedValues[Math.max(0, Math.ceil(share * sortedValues.length) - 1)]
}

/** Latencies, in the unit they were given in, under names that end in `unit`. */
export function distribution(values, unit) {
  const all = sorted(values)
  return {
    [`p50${unit}`]: percentile(all, 0.5),
    [`p99${unit}`]: percentile(all, 0.99),
    [`p999${unit}`]: percentile(all, 0.999),
    [`max${unit}`]: all[all.length - 1]
  }
}

/** Median, least and greatest of a few rounds; the median of an even number is the mean of the middle two. */
export function summary(values) {
  const all = sorted(values)
  const middle = all.length >> 1
  const median = all.length % 2 === 1 ? all[middle] : (all[middle - 1] + all[middle]) / 2
  return { median, min: all[0], max: all[all.length - 1] }
}
