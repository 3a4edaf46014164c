/** Verbs on the bytes of a file, named for the damage that they do. */
import { closeSync, copyFileSync, openSync, readSync, statSync, truncateSync, writeSync } from 'node:fs'

export function byteAt(path: string, offset: number): number {
  const descriptor = openSync(path, 'r')
  try {
    const byte = Buffer.alloc(1)
    readSync(descriptor, byte, 0, 1, offset)
    return byte[0] as number
  } finally {
    closeSync(descriptor)
  }
}

export function overwrite(path: string, offset: number, bytes: Uint8Array): void {
  const descriptor = openSync(path, 'r+')
  try {
    writeSync(descriptor, bytes, 0, bytes.byteLength, offset)
  } finally {
    closeSync(descriptor)
  }
}

export function flipBit(path: string, offset: number, bit = 0): void {
  overwrite(path, offset, Uint8Array.of(byteAt(path, offset) ^ (1 << bit)))
}

export function zeroOut(path: string, offset: number, bytes: number): void {
  overwrite(path, offset, new Uint8Array(bytes))
}

/** Cuts a file to `bytes`. */
export function cutFileTo(path: string, bytes: number): void {
  truncateSync(path, bytes)
}

/** Cuts the last `bytes` off a file. */
export function cutOff(path: string, bytes: number): void {
  truncateSync(path, statSync(path).size - bytes)
}

export function putBack(from: string, to: string): void {
  copyFileSync(from, to)
}
