export interface KillCounts {
  cycles: number
  logs: number
  /** Kills from outside, and those that were aimed and hit. */
  random: number
  recovery: number
  rotation: number
  /** Aimed, but the call did not come: killed from outside. */
  missed: number
  /** Of all of them, those before the log was open. */
  beforeOpen: number
  /** Entries that were judged, and those of them that only a ring had. */
  entries: number
  carried: number
  /** Hits by kind of call. */
  calls: Record<string, number>
}

export class KillCycles {
  constructor(options: { seed: number; work: string; shim: string; losesRings?: boolean })
  readonly counts: KillCounts
  run(cycles: number, onCycle?: (counts: KillCounts) => void): Promise<KillCounts>
}
