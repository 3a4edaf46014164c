export interface GenerateOptions {
  users: number
  measurements: number
  seed: number
  /** Time of the first measurements, milliseconds since the Unix epoch. */
  startMs: number
  /** Path of the CSV file to write. */
  file: string
}

export interface Generated {
  file: string
  users: number
  measurements: number
  bytes: number
  endMs: number
}

export function generateMeasurements(options: GenerateOptions): Generated
/** Numbers from 0 (included) to 1, the same for the same seed. */
export function mulberry32(seed: number): () => number
