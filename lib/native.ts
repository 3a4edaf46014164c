/**
 * The only loader of the native module. Loads it at first use, not on import, and says what was tried when it
 * cannot be loaded.
 */
import type * as Binding from '../binding.js'
import { WalError, type WalErrorCode } from './errors.js'
import { locateAddon } from './load-addon.cjs'

export type NativeModule = typeof Binding

let loaded: NativeModule | undefined

/** The native module. Throws `ERR_WAL_NATIVE` when there is none for this system, or it is another version's. */
export function native(): NativeModule {
  loaded ??= load()
  return loaded
}

/** The folder of the package. */
export function packageRoot(): string {
  return locateAddon().root
}

/** Version of the package, from its package.json. */
export function packageVersion(): string {
  return locateAddon().version
}

/** Sizes of the log in bytes, of which input is checked; from `format.h`. */
export function logLimits(): NativeModule['limits'] {
  return native().limits
}

function load(): NativeModule {
  const addon = locateAddon()
  let module: NativeModule
  try {
    module = addon.load() as NativeModule
  } catch (cause) {
    throw new WalError('ERR_WAL_NATIVE', explain(addon.root, cause), { cause })
  }
  if (module.version !== addon.version) {
    throw new WalError(
      'ERR_WAL_NATIVE',
      `the native module is of version ${module.version}, the package of ${addon.version}: ` +
        'rebuild it (npm run compile) or reinstall the package'
    )
  }
  return module
}

function explain(root: string, cause: unknown): string {
  const system = `${process.platform}-${process.arch}, Node ${process.versions.node}`
  return [
    `no native module could be loaded for ${system}`,
    `tried: ${root}/build/Release/*.node, then ${root}/prebuilds/${process.platform}-${process.arch}/*.node`,
    `reason: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`,
    'to do: install a release that has a prebuilt binary for this system, or build it from a checkout of the ' +
      'repository with npm ci && npm run compile (needs a C++17 compiler and cmake)'
  ].join('\n  ')
}

/** An error thrown by the native module as a `WalError`; anything else is returned as it is. */
export function fromNative(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { code, errno } = error as Error & { code?: string; errno?: number }
  if (typeof code !== 'string' || !code.startsWith('ERR_WAL_')) return error
  return new WalError(code as WalErrorCode, error.message, errno === undefined ? {} : { errno })
}
