export interface SeededBug {
  name: string
  file: string
  from: string
  to: string
  test: [program: string, part: string]
  states?: number
}
export const SEEDED_BUGS: readonly SeededBug[]
