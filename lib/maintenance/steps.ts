/** Tells those who trace, over a diagnostics channel, how far maintenance has come. */
import { channel } from 'node:diagnostics_channel'
import type { CompressionStep } from './compression.js'

/** Each is behind what is done by then, and durable where it says so. */
export type MaintenanceStep =
  | 'planned'
  | 'written'
  | 'labelled'
  | 'segment removed'
  | 'checkpoint removed'
  | `compression ${CompressionStep}`
  | RepairStep

export type RepairStep = 'repair copied' | 'repair opened' | 'repair reported' | 'repair judged' | 'repair moved' | 'repair closed'

/** What subscribers of `ingest-wal:maintenance` are given. */
export interface MaintenanceStepMessage {
  directory: string
  step: MaintenanceStep
}

const steps = channel('ingest-wal:maintenance')

export function noteStep(directory: string, step: MaintenanceStep): void {
  if (!steps.hasSubscribers) return
  const message: MaintenanceStepMessage = { directory, step }
  steps.publish(message)
}
