export function contentOf(lsn: number): { operation: number; userId: string; payload: Buffer }
export function expectWhole(directory: string, least: number, most: number): Promise<number>
