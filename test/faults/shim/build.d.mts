export function buildShim(directory: string): { path: string } | { why: string }
