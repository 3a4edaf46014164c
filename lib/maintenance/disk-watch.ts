/** Says that a disk or a budget is about to be full before it is. Decisions; what is free is asked in lib/metrics. */
export interface DiskRoom {
  /** What is free for this process on the disk of the log, in bytes. */
  freeBytes: number
  segmentBytes: number
  budgetBytes: number
  /** What the log takes beyond its budget, with all gone that can go. */
  overBudgetBytes: number
}

/** Segments that there should be room for: one is made ahead, the next one follows it. */
const LEAST_FREE_SEGMENTS = 2

/** A sentence for each thing that there is to be warned of. Pure. */
export function diskWarnings({ freeBytes, segmentBytes, budgetBytes, overBudgetBytes }: DiskRoom): string[] {
  const warnings: string[] = []
  const leastBytes = LEAST_FREE_SEGMENTS * segmentBytes
  if (freeBytes < leastBytes) warnings.push(`the disk has ${freeBytes} bytes left, less than the ${leastBytes} bytes of two segments`)
  if (overBudgetBytes > 0) {
    warnings.push(
      `the log is ${overBudgetBytes} bytes over its budget of ${budgetBytes} bytes, and what it holds is still needed`
    )
  }
  return warnings
}
