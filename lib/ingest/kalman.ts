/**
 * The processor that `ingest` uses when none is given: a scalar Kalman filter over a value that drifts, which
 * gives each user a smoothed estimate and its uncertainty.
 */

/** A user's state, plain JSON. */
export interface KalmanState {
  /** Estimated value, in the unit of the measurements; 0 before the first. */
  readonly estimate: number
  /** Variance of the estimate, in that unit squared. */
  readonly variance: number
  /** Measurements taken in. */
  readonly count: number
  /** Latest time of a measurement, milliseconds since the Unix epoch; 0 before the first. */
  readonly lastTimestamp: number
}

/** What the filter needs of a measurement. */
export interface KalmanMeasurement {
  readonly timestamp: number
  readonly value: number
}

/**
 * Variance of one reading (R): a standard deviation of 5 units. A choice, in the range of a heart rate
 * in beats per minute that an optical sensor at the wrist reads.
 */
export const MEASUREMENT_VARIANCE = 25

/**
 * Variance that a second adds to the estimate (Q): a standard deviation of about 8 units after a minute. A
 * choice; larger follows faster, smaller smooths more.
 */
export const PROCESS_VARIANCE_PER_SECOND = 1

const MS_PER_SECOND = 1000

/** The state of a user without measurements. */
export const initialState: KalmanState = Object.freeze({ estimate: 0, variance: 0, count: 0, lastTimestamp: 0 })

/**
 * The state after one more measurement; `state` is left as it is.
 *
 * The discrete filter of G. Welch and G. Bishop, "An Introduction to the Kalman Filter" (UNC-Chapel Hill,
 * TR 95-041), equations 1.9 to 1.13, with A = H = 1, no control input, and Q in proportion to the time that passed
 * (a random walk):
 *
 *     P⁻ = P + Q·Δt        K = P⁻ / (P⁻ + R)        x = (1 − K)·x + K·z        P = (1 − K)·P⁻
 *
 * The first measurement is the estimate, with variance R. Only the four operations of arithmetic are used, which
 * IEEE 754 defines to the last bit, so that a replay gives the same state on any machine. A measurement older than
 * the state adds no process noise.
 */
export function processMeasurement(state: KalmanState, measurement: KalmanMeasurement): KalmanState {
  const { timestamp, value } = measurement
  if (state.count === 0) return { estimate: value, variance: MEASUREMENT_VARIANCE, count: 1, lastTimestamp: timestamp }
  const elapsedMs = timestamp > state.lastTimestamp ? timestamp - state.lastTimestamp : 0
  const predicted = state.variance + (PROCESS_VARIANCE_PER_SECOND * elapsedMs) / MS_PER_SECOND
  const gain = predicted / (predicted + MEASUREMENT_VARIANCE)
  return {
    // Not x + K·(z − x): that difference overflows for values at both ends of the range.
    estimate: (1 - gain) * state.estimate + gain * value,
    variance: (1 - gain) * predicted,
    count: state.count + 1,
    lastTimestamp: elapsedMs > 0 ? timestamp : state.lastTimestamp
  }
}
