import type { Operation } from '../../../lib/index.js'

export function contentOf(
  seed: number,
  lsn: number
): { operation: Operation; userId: string; payload: Uint8Array; sequence: number }
