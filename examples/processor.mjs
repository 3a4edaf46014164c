// A processor for `ingest-wal ingest FILE --processor examples/processor.mjs`: smallest, largest and last value of a user.
export const initialState = { count: 0, least: Infinity, most: -Infinity, last: null }

export function processMeasurement(state, { timestamp, value }) {
  return {
    count: state.count + 1,
    least: Math.min(state.least, value),
    most: Math.max(state.most, value),
    last: { timestamp, value }
  }
}
