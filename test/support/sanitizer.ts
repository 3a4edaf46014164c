/**
 * Environments of programs that a test starts while scripts/test-sanitized.mjs has a sanitizer's runtime loaded into all of them
 * (LD_PRELOAD). Without one, they are what the test itself has.
 */

/** For programs that are not the addon's: browsers, checkers, and what is measured without the addon, memory above all. */
export function withoutSanitizer(): Record<string, string> {
  return { ...environment(), LD_PRELOAD: '' }
}

/** For programs that are traced: leaks are looked for with ptrace, which is taken then. */
export function traced(): Record<string, string> {
  const { ASAN_OPTIONS = '' } = process.env
  return { ...environment(), ASAN_OPTIONS: `${ASAN_OPTIONS}:detect_leaks=0` }
}

function environment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
